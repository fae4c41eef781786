"""Reads, links and removes what lies below a folder, and never follows a link on the way.

Every folder is opened from the one above it, without following links. So neither a link that
was planted before, nor one that takes a folder's place meanwhile, leads anywhere else.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from parakeet_cli.system.regular_files import open_regular

NAME_BYTES = 255  # of one component, and of a whole name: what Linux's file systems allow
PATH_BYTES = 4096
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def is_inside(name: object) -> bool:
    """Whether it is the relative name of something below a folder, in its shortest form."""
    if not isinstance(name, str) or "\0" in name:
        return False
    try:
        data = os.fsencode(name)
    except UnicodeEncodeError:  # half of a character that no file name has
        return False
    parts = data.split(b"/")
    return len(data) <= PATH_BYTES and all(
        part not in (b"", b".", b"..") and len(part) <= NAME_BYTES for part in parts
    )


@contextmanager
def opened(top: str | int, *names: str) -> Iterator[int]:
    """The descriptor of a folder: `top`, then each name below the one before. Raises OSError.

    Only `top` itself, which the user named, may be a link.
    """
    descriptor = os.dup(top) if isinstance(top, int) else os.open(top, _FOLDER)
    try:
        for name in names:
            below = os.open(name, _FOLDER | _NO_LINK, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(folder: int, name: str) -> int:
    """The descriptor of a regular file in an open folder, to be read; never waits.

    Raises OSError, also for anything that isn't a regular file.
    """
    return open_regular(name, folder=folder)


def status_of(folder: int, name: str) -> os.stat_result | None:
    """What lstat returns for a name in an open folder, None if there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove(folder: int, name: str) -> None:
    """Remove a file, a link, or a folder with all that is in it. Raises OSError."""
    status = status_of(folder, name)
    if status is None:
        return
    if stat.S_ISDIR(status.st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


class Beneath:
    """Opens the folders of many names below one; the last one stays open for the next name."""

    def __init__(self, top: str | int) -> None:
        """Raises OSError."""
        self._top = os.dup(top) if isinstance(top, int) else os.open(top, _FOLDER)
        self._name, self._folder = "", -1

    def __enter__(self) -> Beneath:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        os.close(self._top)

    def parent(self, name: str) -> tuple[int, str]:
        """The descriptor of the folder that a name is in, and its last component.

        The descriptor is closed with the next call. Raises OSError.
        """
        above, _, last = name.rpartition("/")
        if not above:
            return self._top, last
        if self._folder < 0 or self._name != above:
            self._close()
            with opened(self._top, *above.split("/")) as folder:
                self._name, self._folder = above, os.dup(folder)
        return self._folder, last

    def make_folder(self, name: str) -> None:
        """Make a folder and those above it, where there are none. Raises OSError."""
        parts = name.split("/")
        for count in range(1, len(parts) + 1):
            folder, last = self.parent("/".join(parts[:count]))
            with suppress(FileExistsError):
                os.mkdir(last, 0o755, dir_fd=folder)
        folder, last = self.parent(name)
        with opened(folder, last):
            return

    def _close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
        self._name, self._folder = "", -1
