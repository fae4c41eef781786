"""The lock that lets only one daemon of a user run; the file's text is the holder's pid."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.locks import LockHeld, lock_file, read_holder, write_holder


class AlreadyRunning(ParakeetError):
    """Another process holds the lock."""

    def __init__(self, pid: str) -> None:
        super().__init__(
            f"A dictation is already running{f' (process {pid})' if pid.isdecimal() else ''}.",
            hint="`parakeet dictate toggle` controls it, `parakeet dictate stop --quit` ends it.",
        )


class DaemonLock:
    """Held from `acquire` until `release` or the end of the process.

    The pid in the file is only for messages: the kernel knows whether the lock is held.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises AlreadyRunning if another process holds it."""
        try:
            self._descriptor = lock_file(self._path, mode=0o600)
        except LockHeld:
            raise AlreadyRunning(read_holder(self._path)) from None
        except OSError as error:
            raise ParakeetError(
                f"{self._path} can't be locked: {error.strerror}.",
                hint="Remove what is there, then run this again.",
            ) from error
        write_holder(self._descriptor, f"{os.getpid()}\n")

    def release(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                write_holder(self._descriptor, "")
            os.close(self._descriptor)
            self._descriptor = None
