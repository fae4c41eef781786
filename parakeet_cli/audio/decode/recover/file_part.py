"""Reads one recording of a file that may hold several, one after another."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from parakeet_cli.audio.decode.recover.unreadable import (
    WINDOW,
    Ranges,
    ZeroFilledFile,
    is_readable,
)


@dataclass(frozen=True, slots=True)
class FilePart:
    """The bytes of one recording: of a file `path` those from `start` to `end`.

    `patches` are bytes that are read instead of the file's, each with its position in the part.
    The `unreadable` bytes of the file are read as zeros.
    """

    path: Path
    start: int
    end: int
    patches: tuple[tuple[int, bytes], ...] = ()
    unreadable: Ranges = ()

    @classmethod
    def whole(cls, path: Path) -> FilePart:
        return cls(path, 0, path.stat().st_size)

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        """Whether the file can be read as it is."""
        changed = self.start or self.patches or self.unreadable
        return not changed and self.end == self.path.stat().st_size

    def is_unreadable(self, position: int, size: int) -> bool:
        """Whether one of `size` bytes of the part can't be read."""
        start = self.start + position
        return any(first < start + size and start < last for first, last in self.unreadable)

    def unreadable_from(self, position: int) -> int:
        """How many bytes of the part from there on can't be read."""
        start = self.start + position
        return sum(
            max(0, min(last, self.end) - max(first, start)) for first, last in self.unreadable
        )

    def check(self, position: int) -> None:
        """Raise OSError if the bytes from there on can't be read, and it isn't known yet."""
        start = self.start + position
        if not self.unreadable and not is_readable(self.path, start, min(self.end, start + WINDOW)):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self.path))

    def open(self) -> BinaryIO:
        """A file object whose position 0 is the recording's first byte."""
        if self.is_whole:
            return self.path.open("rb")
        parts: list[tuple[int, int] | bytes] = []
        at = self.start
        for position, data in sorted(self.patches):
            parts += [(at, self.start + position), data]
            at = self.start + position + len(data)
        parts.append((at, self.end))
        file = ZeroFilledFile(self.path, self.unreadable) if self.unreadable else None
        return cast(
            "BinaryIO", PatchedFile(cast("BinaryIO", file) if file else self.path.open("rb"), parts)
        )


class PatchedFile(io.RawIOBase):
    """Slices of a file and bytes from memory, read as one file."""

    def __init__(self, file: BinaryIO, parts: Sequence[tuple[int, int] | bytes]) -> None:
        self._file = file
        self._parts: list[tuple[int, int, tuple[int, int] | bytes]] = []
        start = 0
        for part in parts:
            length = len(part) if isinstance(part, bytes) else part[1] - part[0]
            self._parts.append((start, start + length, part))
            start += length
        self._size = start
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size if size is None or size < 0 else size
        data = bytearray()
        for start, end, part in self._parts:
            if start <= self._at < end and len(data) < wanted:
                first = self._at - start
                count = min(wanted - len(data), end - self._at)
                if isinstance(part, bytes):
                    data += part[first : first + count]
                else:
                    self._file.seek(part[0] + first)
                    data += self._file.read(count)
                self._at = start + first + count
        return bytes(data)

    def close(self) -> None:
        self._file.close()
        super().close()
