"""Tells faults of the surroundings from faults of a file: disks, mounts, networks, credentials."""

from __future__ import annotations

import errno
import os

from parakeet_cli.errors import Obstacle

_FULL = "the disk of the outputs is full"
_ROOM = 1 << 16  # bytes: a disk with less is full, whatever file was to be written

_BY_ERRNO = {
    errno.EDQUOT: Obstacle("the quota on the disk of the outputs is used up"),
    errno.EROFS: Obstacle("the file system of the outputs can only be read", certain=False),
    errno.ENOMEM: Obstacle("there is not enough memory", certain=False),
    errno.EMFILE: Obstacle("too many files are open"),
    errno.ENFILE: Obstacle("too many files are open"),
    **dict.fromkeys(
        (
            errno.ESTALE,
            errno.ENOTCONN,
            errno.EHOSTDOWN,
            errno.EHOSTUNREACH,
            errno.ENETDOWN,
            errno.ENETUNREACH,
            errno.ETIMEDOUT,
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.ECONNABORTED,
            errno.ENODEV,
        ),
        Obstacle("the file system or the network is gone"),
    ),
}
# What the messages of storages' clients say, in small letters.
_REFUSALS = (
    "expired",
    "accessdenied",
    "access denied",
    "forbidden",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "unauthorized",
    "credential",
    "invalidtoken",
    "permission",
)


def obstacle_of(error: BaseException, folder: str | None = None) -> Obstacle | None:
    """The obstacle that an error of the system means; None if it may be the file's own.

    `folder` is that of a file that was to be written. A disk that still has room isn't full: a
    file that is too large for it fails alone.
    """
    if isinstance(error, MemoryError):
        return _BY_ERRNO[errno.ENOMEM]
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.ENOSPC:
        return Obstacle(_FULL, certain=not _has_room(folder))
    if error.errno == errno.EIO and folder is not None:
        return Obstacle("the disk of the outputs can't be written")
    return _BY_ERRNO.get(error.errno or 0)


def obstacle_of_storage(error: BaseException) -> Obstacle:
    """The obstacle that an error of a storage's client means: each client has its own types."""
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, PermissionError) or any(one in text for one in _REFUSALS):
        return Obstacle("the storage refuses the credentials", passes=False)
    if isinstance(error, FileNotFoundError) or "nosuchbucket" in text:
        return Obstacle("the bucket or folder of the storage does not exist", passes=False)
    local = obstacle_of(error) if isinstance(error, OSError) else None
    return local or Obstacle("the storage can't be reached")


def obstacle_of_input(path: str) -> Obstacle | None:
    """What keeps a file that a folder listed from being read now; None if nothing does."""
    try:
        with open(path, "rb") as file:  # the name may be any bytes
            file.read(1)
    except FileNotFoundError:
        return Obstacle("recordings that were there are gone", certain=False)
    except OSError as error:
        return obstacle_of(error)
    return None


def _has_room(folder: str | None) -> bool:
    if folder is None:
        return False
    while not os.path.isdir(folder):  # noqa: PTH112
        folder = os.path.dirname(folder)  # noqa: PTH120
    if not hasattr(os, "statvfs"):
        return False
    try:
        found = os.statvfs(folder or ".")
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= _ROOM and (not found.f_files or found.f_favail > 0)
