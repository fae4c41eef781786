"""Makes folders that only this user can enter, and refuses those that others could have made.

What is below such a folder may then be opened by its path: nobody else can exchange it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWOTH
HINT = (
    "If nobody else has written there: chmod go-w {folder}; or have XDG_STATE_HOME, "
    "XDG_CACHE_HOME, XDG_DATA_HOME and XDG_RUNTIME_DIR name folders that only you can write."
)


class NotPrivate(OSError):
    """A folder that others can write or have made. `hint` says what to do about it."""

    def __init__(self, path: Path, why: str, *, folder: Path | None = None) -> None:
        """`why` is a sentence without its full stop; `folder` is the one that is at fault."""
        super().__init__(errno.EPERM, why, str(path))
        self.hint = HINT.format(folder=folder or path)


def private_folder(path: Path, *, own: int = 1) -> Path:
    """The folder, made if need be with those above it that are missing, all of them 0700.

    The last `own` parts of the path belong to parakeet: those that are there already must be
    folders of this user, and are closed to others. Raises NotPrivate where another user could
    put something into them or in their place, and OSError where they can't be made. On Windows
    the folders inherit who may enter them.
    """
    path = Path(os.path.abspath(path))
    if not hasattr(os, "getuid"):
        path.mkdir(parents=True, exist_ok=True)
        return path
    ours = (path, *path.parents)[:own]
    _check_above(ours[-1].parent)
    make_folders(path)
    for folder in reversed(ours):
        _close(folder)
    return path


def make_folders(path: Path) -> None:
    """Make a folder and those above it that are missing, for this user alone. Raises OSError."""
    for folder in reversed((path, *path.parents)):
        # Each with its own call: with `parents` those above get what the umask allows.
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def _check_above(folder: Path) -> None:
    """Raise NotPrivate if others could put another folder in the place of one in this."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    for number, one in enumerate((there.resolve(), *there.resolve().parents)):
        status = one.stat()
        theirs = status.st_uid not in (0, os.getuid()) and number == 0
        open_to_all = status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX
        if theirs or open_to_all:
            raise NotPrivate(folder, f"Other users can replace what is in {one}", folder=one)


def _close(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise NotPrivate(folder, f"{folder} isn't a folder that you own")
    shared = status.st_mode & stat.S_IWGRP and status.st_gid != os.getgid()
    if status.st_mode & _OTHERS or shared:
        raise NotPrivate(folder, f"Other users can write into {folder}")
    if status.st_mode & 0o077:
        folder.chmod(0o700)
