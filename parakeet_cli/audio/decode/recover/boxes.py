"""Walks the boxes of a file of the MP4 family (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

TOP_LEVEL = frozenset(
    {b"ftyp", b"free", b"skip", b"wide", b"mdat", b"moov", b"udta", b"uuid", b"meta", b"pnot"}
)
MAX_BOXES = 100_000  # side by side; a fragmented recording of hours has some thousands


class Box(NamedTuple):
    """A box's place; `start` is its first byte, header included."""

    kind: bytes
    start: int
    data: int  # first byte after the header
    end: int  # as its header declares, which may be beyond the end of the file


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The consecutive boxes from `start` on, as far as their headers lead (4.2)."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        header = file.read(16)
        length, data = int.from_bytes(header[:4], "big"), start + 8
        if length == 1:  # the real length follows, in 64 bits
            length, data = int.from_bytes(header[8:16], "big"), start + 16
        elif length == 0:  # to the end of the file
            length = end - start
        if length < 8:
            return
        yield Box(header[4:8], start, data, start + length)
        start += length
