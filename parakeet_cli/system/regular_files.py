"""Opens regular files alone: nothing waits for a FIFO, and a device is never read.

What lies in a folder that was copied, unpacked or shared may be anything.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# None of these is there on Windows, where no file is a FIFO.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# Bytes of a file that is read whole. The largest RECORD of a stack, torch's, has 2 MiB.
MOST = 16 << 20


def open_regular(
    path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, folder: int | None = None
) -> int:
    """The descriptor of a regular file; with O_CREAT among the flags it is made if need be.

    With the descriptor of a `folder` the path is relative to that, and no link is followed.
    Raises OSError at once for a FIFO, a device, a socket or a folder.
    """
    flags |= _AT_ONCE | (_NO_LINK if folder is not None else 0)
    descriptor = os.open(path, flags, mode, dir_fd=folder)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "It is not a regular file", str(path))


def read_regular(path: str | Path, most: int = MOST) -> bytes:
    """All of a regular file. Raises OSError as `open_regular` does, and for one of > `most` bytes.

    Nothing of a file that is too large is read.
    """
    with open(open_regular(path), "rb") as file:
        data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if data is None or len(data) > most:
        raise OSError(errno.EFBIG, f"It is larger than {most >> 20} MiB", str(path))
    return data
