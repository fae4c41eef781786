"""Opens what a download writes to, in a cache into which others may have put links and files."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.regular_files import NO_LINK, open_regular, others_can_write
from parakeet_cli.system.units import megabytes

_MODE = 0o644  # of a cached file, less the umask: others may read it


def refuse_linked_folders(folders: Iterable[Path]) -> None:
    """Raise EngineUnavailable if one is there and is a link, or no folder: it may lead anywhere."""
    for folder in folders:
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(folder.lstat().st_mode):
                kind = "a link" if folder.is_symlink() else "no folder"
                raise EngineUnavailable(
                    f"{folder} is {kind}, in the place of a folder of the cache. Nothing was "
                    "downloaded.",
                    hint="Remove it, or name the folder where models belong in HF_HUB_CACHE.",
                )


def remove_links(paths: Iterable[Path]) -> None:
    """Remove those that are links, or second names of a file: the hub's client writes through them.

    What they lead to stays. Raises OSError.
    """
    for path in paths:
        with suppress(FileNotFoundError):
            if not _is_one_file(path.lstat()):
                path.unlink()


@contextmanager
def open_partial(path: Path) -> Iterator[IO[bytes]]:
    """A partial download to append to and to read. Raises OSError.

    One that others could have written, a link or a second name of a file is removed, and the
    download begins again.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | NO_LINK
    descriptor = None
    with suppress(FileNotFoundError):
        if _is_own(path.lstat()):
            descriptor = open_regular(path, flags & ~os.O_CREAT)
        else:
            path.unlink()
    if descriptor is None:
        descriptor = open_regular(path, flags | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "a+b") as stream:
        if not _is_own(os.fstat(descriptor)):
            raise OSError(errno.EPERM, "It was exchanged while it was opened", str(path))
        yield stream


def length_of(stream: IO[bytes]) -> int:
    """How many bytes an open file has."""
    stream.flush()
    return os.fstat(stream.fileno()).st_size


class TooManyBytesError(EngineUnavailable):
    """The server sent more than the hub declared."""


class LimitedFile:
    """The file that the client writes to: our bar shows it, and it takes what was declared.

    The client compares sizes only at the end, which a server that goes on sending never reaches.
    """

    def __init__(
        self, stream: IO[bytes], name: str, size: int, advance: Callable[[int], None]
    ) -> None:
        self._stream, self._name, self._size, self._advance = stream, name, size, advance

    def write(self, data: bytes) -> int:
        if self._stream.tell() + len(data) > self._size:
            raise TooManyBytesError(
                f"The server sent more of {self._name} than the "
                f"{megabytes(self._size)} that the hub declared for it.",
                hint="Try again later; if that fails too, the hub or a proxy serves another file.",
            )
        self._advance(len(data))
        return self._stream.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def truncate(self) -> int:
        """Called when the server sends the whole file instead of the rest that was asked for."""
        size = self._stream.tell()
        self._advance(size - os.fstat(self._stream.fileno()).st_size)
        return self._stream.truncate()

    def tell(self) -> int:
        return self._stream.tell()


def _is_one_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _is_own(status: os.stat_result) -> bool:
    """Whether it is one file, and only this user can have written to it."""
    if not _is_one_file(status):
        return False
    if sys.platform == "win32":  # which has neither owners nor modes of this kind
        return True
    return status.st_uid == os.geteuid() and not others_can_write(status)
