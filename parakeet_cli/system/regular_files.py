"""Opens regular files alone: nothing waits for a FIFO, and a device is never read.

What lies in a folder that was copied, unpacked or shared may be anything.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

# Of the first three none is there on Windows, where no file is a FIFO; the last is there alone,
# and keeps line ends as they are.
AT_ONCE: int = sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)  # among the flags: a link is refused
# Bytes of a file that is read whole. The largest RECORD of a stack, torch's, has 2 MiB.
MOST = 16 << 20


def open_regular(
    path: str | Path,
    flags: int = os.O_RDONLY,
    mode: int = 0o666,
    *,
    folder: int | None = None,
    private: bool = False,
) -> int:
    """The descriptor of a regular file; with O_CREAT among the flags it is made if need be.

    With the descriptor of a `folder` the path is relative to that, and no link is followed.
    With `private` no link is followed either, and the file must be one that only this user
    can have written. Raises OSError at once for a FIFO, a device, a socket or a folder.
    """
    flags |= AT_ONCE | (NO_LINK if private or folder is not None else 0)
    try:
        descriptor = os.open(path, flags, mode, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP and flags & NO_LINK:
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from error
        raise
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "It is not a regular file", str(path))
        if private:
            _refuse_others(path, status)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_private_folder(path: Path) -> None:
    """Raise OSError unless it is a folder, and no link, that only this user can write into."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    _refuse_others(path, status)


def _refuse_others(path: str | Path, status: os.stat_result) -> None:
    """Raise PermissionError if another user owns it or may write to it."""
    if sys.platform == "win32":  # which has neither owners nor modes of this kind
        return
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "It belongs to another user", str(path))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "Other users can write to it", str(path))


def read_regular(path: str | Path, most: int = MOST) -> bytes:
    """All of a regular file. Raises OSError as `open_regular` does, and for one of > `most` bytes.

    Nothing of a file that is too large is read.
    """
    with open(open_regular(path), "rb") as file:
        data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if data is None or len(data) > most:
        raise OSError(errno.EFBIG, f"It is larger than {most >> 20} MiB", str(path))
    return data


def others_can_write(status: os.stat_result) -> bool:
    """Whether another user than this one and root can change the content.

    A group of one's own, which many systems give each user, has nobody else in it.
    """
    if sys.platform == "win32":  # which has neither owners nor modes of this kind
        return False
    shared = status.st_mode & stat.S_IWGRP and status.st_gid != os.getgid()
    return bool(status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH or shared)
