"""Outputs in the making, and those of a run that was killed.

A file that is being written is locked, and the kernel gives the lock up with the process
that holds it: one that can be locked by another run has no writer any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PREFIX, SUFFIX = ".parakeet-", ".part"


def new_part(folder: Path) -> tuple[Path, int]:
    """A new file in the folder, locked, and its descriptor. Raises OSError."""
    while True:
        path = folder / f"{PREFIX}{os.urandom(6).hex()}{SUFFIX}"
        # Not tempfile's, which only the owner may read: an output gets what the umask allows,
        # and a file system without permissions is never asked to change them.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        # Another run may have come between the two, and taken it for a leftover.
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)
        path.unlink(missing_ok=True)


def clear_leftovers(folders: Iterable[Path]) -> int:
    """Removes what runs that were killed left in these folders; how many files that was.

    What can't be looked at or removed stays: nobody takes it for an output.
    """
    removed = 0
    for folder in set(folders):
        try:
            left = list(folder.glob(f"{PREFIX}*{SUFFIX}"))
        except OSError:
            continue
        for path in left:
            with suppress(OSError):
                removed += _cleared(path)
    return removed


def _cleared(path: Path) -> bool:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _lock(descriptor) is not True:
            return False
        path.unlink()
        return True
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Whether it is ours now; None where the system or the file system knows no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
