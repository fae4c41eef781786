"""Where a Matroska or WebM file's own index says that it begins (RFC 9559, 5.1.5).

A file whose first cluster was torn opens like one that was recorded late; but its index,
which lies at the other end, still names the time of the first cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

HEAD = 1 << 16  # bytes in which the headers before the first cluster lie
SEGMENT, SEEK_HEAD, INFO = 0x18538067, 0x114D9B74, 0x1549A966
SEEK, SEEK_ID, SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
TIMESTAMP_SCALE, CLUSTER = 0x2AD7B1, 0x1F43B675
CUES, CUE_POINT, CUE_TIME = 0x1C53BB6B, 0xBB, 0xB3
MOST_CUT = 1 << 20  # bytes
NANOSECONDS = 1_000_000  # a tick, where the file doesn't say


def first_cue(file: BinaryIO) -> float | None:
    """The time of the first cue in seconds; None where there is no index to be read."""
    head = file.read(HEAD)
    scale, cues, base = NANOSECONDS, None, None
    for kind, start, end in _elements(head, 0, len(head)):
        if kind != SEGMENT:
            continue
        base = start
        for inner, begin, stop in _elements(head, start, min(end, len(head))):
            if inner == CLUSTER:
                break
            if inner == SEEK_HEAD:
                cues = _position(head, begin, stop)
            elif inner == INFO:
                scale = _number(head, begin, stop, TIMESTAMP_SCALE) or scale
        break
    if base is None or cues is None:
        return None
    # Where bytes were cut out of the file, the index lies before its place.
    wanted = base + cues
    file.seek(max(0, wanted - MOST_CUT))
    data = file.read(min(wanted, MOST_CUT) + 256)
    at = data.rfind(CUES.to_bytes(4, "big"))
    index = data[at : at + 256] if at >= 0 else b""
    for _, start, _ in _elements(index, 0, len(index)):
        for inner, begin, stop in _elements(index, start, len(index)):
            if inner == CUE_POINT:  # a checksum may come before it
                ticks = _number(index, begin, stop, CUE_TIME)
                return None if ticks is None else ticks * scale / 1e9
        break
    return None


def _position(data: bytes, start: int, end: int) -> int | None:
    """Where the seek head says that the index is, from the segment's first byte on."""
    for kind, begin, stop in _elements(data, start, end):
        if kind == SEEK and _number(data, begin, stop, SEEK_ID) == CUES:
            return _number(data, begin, stop, SEEK_POSITION)
    return None


def _number(data: bytes, start: int, end: int, wanted: int) -> int | None:
    for kind, begin, stop in _elements(data, start, end):
        if kind == wanted:
            return int.from_bytes(data[begin:stop], "big")
    return None


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each element's id with the first byte of its content and the one after its last."""
    while start < end:
        width = 9 - data[start].bit_length()
        if width > 4 or start + width >= end:
            return
        kind = int.from_bytes(data[start : start + width], "big")
        start += width
        width = 9 - data[start].bit_length()
        if width > 8 or start + width > end:
            return
        size = int.from_bytes(data[start : start + width], "big") & (1 << 7 * width) - 1
        start += width
        unknown = size == (1 << 7 * width) - 1
        stop = end if unknown else start + size
        yield kind, start, stop
        start = stop
