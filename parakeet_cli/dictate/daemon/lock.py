"""One at a time: a lock that the kernel lets go of when its holder ends, however it ends."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from parakeet_cli.errors import ParakeetError


class Running(ParakeetError):
    """Another process holds the lock."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(
            f"A dictation is already running{f' (process {pid})' if pid else ''}.",
            hint="`parakeet dictate toggle` talks to it, `parakeet dictate stop --quit` ends it.",
        )
        self.pid = pid


class Lock:
    """Held from `take` until the process ends or `release`; the file's text is the holder's pid.

    The pid is only told to people: whether somebody holds the lock is the kernel's word.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises Running where another process has it."""
        import fcntl

        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Running(int(holder) if holder.isdecimal() else None) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def await_release(path: Path, patience: float) -> bool:
    """Wait until nobody holds the lock, for so many seconds; whether it came to that."""
    import fcntl

    until = time.monotonic() + patience
    with suppress(FileNotFoundError), path.open("rb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(0.05)
            else:
                return True
    return True
