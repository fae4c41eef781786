"""Advisory file locks that the kernel releases when their holder ends, and who writes a file.

`flock` belongs to an open file, so a child that inherits the descriptor holds the lock too.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import time
from pathlib import Path

from parakeet_cli.system.regular_files import NO_LINK, open_regular

_HOLDER_BYTES = 1000
_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL = frozenset(
    [
        "bcachefs",
        "btrfs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "jfs",
        "overlay",
        "tmpfs",
        "vfat",
        "xfs",
        "zfs",
    ]
)
_POLL = 0.05  # seconds between two attempts


class LockHeld(Exception):
    """Another process holds the lock."""


def lock(descriptor: int, *, seconds: float = 0.0, shared: bool = False) -> None:
    """Lock an open file, waiting for at most `seconds`.

    Raises LockHeld where another process still holds it then, and OSError where the system
    (Windows) or the file system has no such locks.
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
    os.pwrite(descriptor, holder.encode(), 0)


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


def is_open_for_writing(path: str | Path) -> bool | None:
    """Whether a process has the file open for writing; None where that can't be found out.

    Linux gives a read lease on a file only while nobody has it open for writing, to its owner and
    to root. What a network file system answers says nothing of other machines: ask only where
    `knows_writers`. Raises OSError if the file can't be opened.
    """
    descriptor = open_regular(path)
    try:
        return _is_written(descriptor)
    finally:
        os.close(descriptor)


def knows_writers(folder: str | Path) -> bool:
    """Whether the folder is on a file system of this machine alone, which knows all writers."""
    if sys.platform != "linux":
        return False
    place = os.path.realpath(folder)
    found, kind = "", ""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:  # `36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw`
        before, _, after = line.partition(" - ")
        mount = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        inside = place == mount or place.startswith(f"{mount.rstrip('/')}/")
        if inside and len(mount) >= len(found):  # the last of several at one place counts
            found, kind = mount, after.partition(" ")[0]
    return kind in _LOCAL


def _is_written(descriptor: int) -> bool | None:
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        # A writer who comes while the lease is held breaks it by a signal. SIGIO would end us;
        # what is urgent on a socket is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _try_lock(descriptor: int, *, shared: bool) -> bool:
    if sys.platform == "win32":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
