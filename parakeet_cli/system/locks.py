"""Advisory file locks that the kernel releases when their holder ends, however it ends.

`flock` belongs to an open file, so a child that inherits the descriptor holds the lock too. On
Windows a byte of the file is locked, for this process alone.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

from parakeet_cli.system.regular_files import NO_LINK, open_regular

_HOLDER_BYTES = 1000
_LOCKED_BYTE = 1 << 30  # on Windows
_POLL = 0.05  # seconds between two attempts


class LockHeld(Exception):
    """Another process holds the lock."""


def lock(descriptor: int, *, seconds: float = 0.0, shared: bool = False) -> None:
    """Lock an open file, waiting for at most `seconds`.

    Raises LockHeld where another process still holds it then, and OSError where the file system
    has no such locks.
    """
    deadline = time.monotonic() + seconds
    while not _try_lock(descriptor, shared=shared):
        if time.monotonic() >= deadline:
            raise LockHeld
        time.sleep(_POLL)


def lock_file(path: Path, *, seconds: float = 0.0, mode: int = 0o666) -> int:
    """Create the file if need be and lock it; its descriptor, and closing it releases the lock.

    Raises LockHeld, and OSError, also for a link and for a file that has another name as well:
    the text of a lock is replaced.
    """
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | NO_LINK, mode)
    try:
        if os.fstat(descriptor).st_nlink > 1:
            raise OSError(errno.EMLINK, "It is a link to another file", str(path))
        lock(descriptor, seconds=seconds)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_holder(descriptor: int, holder: str) -> None:
    """Replace the lock file's text, which tells people who holds it. Raises OSError."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, holder.encode())


def read_holder(path: Path) -> str:
    """What the holder wrote about itself; empty where it wrote nothing or can't be read."""
    try:
        with open(open_regular(path), "rb") as file:
            return file.read(_HOLDER_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def is_locked(path: Path) -> bool:
    """Whether a process holds the file's lock now; a file that can't be asked is not locked."""
    return not wait_until_released(path, 0.0)


def wait_until_released(path: Path, seconds: float) -> bool:
    """Wait until no process holds the file's lock; False where one still does after `seconds`."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return True
    try:
        lock(descriptor, seconds=seconds, shared=True)
    except LockHeld:
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return True


def _try_lock(descriptor: int, *, shared: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        return _try_lock_of_windows(descriptor)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_lock_of_windows(descriptor: int) -> bool:
    """Lock one byte far behind the end: what is locked there can't be read by others.

    There are no shared locks by this interface, so two that only ask take turns.
    https://docs.python.org/3/library/msvcrt.html#msvcrt.locking
    """
    try:
        import msvcrt as windows
    except ImportError:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None
    msvcrt: Any = windows  # typed for Windows alone
    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError:  # EACCES: another has it
        return False
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
    return True
