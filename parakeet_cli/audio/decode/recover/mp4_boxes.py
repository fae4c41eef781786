"""The boxes of an MP4 family file (ISO/IEC 14496-12, 4.2), and files patched in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

MOST_BOXES = 100_000  # side by side; a fragmented recording of hours has some thousands


class Box(NamedTuple):
    """A box's place; `start` is its first byte, header included."""

    kind: bytes
    start: int
    data: int  # first byte after the header
    end: int  # as its header says, which may lie beyond the file


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes that follow one another from `start` on, as far as their headers lead."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        header = file.read(16)
        length, data = int.from_bytes(header[:4], "big"), start + 8
        if length == 1:  # the true length follows, in 64 bits
            length, data = int.from_bytes(header[8:16], "big"), start + 16
        elif length == 0:  # to the end of the file
            length = end - start
        if length < 8:
            return
        yield Box(header[4:8], start, data, start + length)
        start += length


class Patched(io.RawIOBase):
    """Stretches of a file and bytes of our own, read as one file."""

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
