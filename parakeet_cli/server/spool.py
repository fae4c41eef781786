"""Holds uploads on the disk, in a folder that only this user can enter, until they are used."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.locks import LockHeld, is_locked, lock_file
from parakeet_cli.system.safety.private_folders import NotPrivate, private_folder

_LOCK = "lock"
_PATIENCE = 30.0  # seconds, while another server begins


def spool_folder() -> Path:
    """Where servers hold uploads: below TMPDIR if that is set, else in the user's cache.

    Not in /tmp by default, which is memory on many systems.
    """
    named = os.environ.get("TMPDIR")
    if named:
        return Path(named) / f"parakeet-serve-{os.getuid()}"
    from platformdirs import user_cache_path

    return user_cache_path("parakeet") / "serve"


class Spool:
    """A folder of one server. What servers that were killed have left is removed.

    Files are named by numbers: nothing that a client sends is part of a name.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Make the folder. Raises ParakeetError."""
        try:
            root = private_folder(root or spool_folder())
            # One server at a time: until a new folder has its lock, it looks like one that is left.
            beginning = lock_file(root / _LOCK, seconds=_PATIENCE, mode=0o600)
            try:
                self.folder, self._lock = _begin(root)
            finally:
                os.close(beginning)
        except LockHeld as error:
            raise ParakeetError(f"Another server has been beginning in {root} for long.") from error
        except NotPrivate as error:
            raise ParakeetError(f"{error.strerror}.", hint=error.hint) from error
        except OSError as error:
            raise ParakeetError(
                f"Uploads can't be held in {root}: {error.strerror}.",
                hint="Set TMPDIR to a folder with room for them.",
            ) from error
        self._numbers = count(1)

    @contextmanager
    def path(self) -> Iterator[Path]:
        """The path of a file that doesn't exist yet; it is removed at the end."""
        path = self.folder / f"{next(self._numbers)}.audio"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            os.close(self._lock)


def _begin(root: Path) -> tuple[Path, int]:
    """Remove what is left, and make a folder; its path, and the descriptor of its lock.

    Its name isn't the process's number, which processes in two containers may have in common.
    """
    for left in root.iterdir():
        if left.is_dir() and not left.is_symlink() and not is_locked(left / _LOCK):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root, prefix=f"{os.getpid()}-"))
    return folder, lock_file(folder / _LOCK, mode=0o600)


def create(path: Path) -> BinaryIO:
    """A new file that only this user can read. Raises OSError."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
