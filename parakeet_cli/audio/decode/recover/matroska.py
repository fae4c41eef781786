"""Reads Matroska and WebM (RFC 9559): blocks behind a hole, and the start that the index gives.

After damage libav goes on at the next cluster, up to five seconds later, although every
block declares its length, its track and its time (RFC 9559, 10 and 12). So the skipped
bytes are searched for blocks that are followed by others.

A file whose first cluster is damaged opens like one that was recorded late. But its index,
at the other end of the file, still gives the time of the first cluster (5.1.5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from parakeet_cli.audio.decode.recover.reader import Reader

SIMPLE_BLOCK = 0xA3
# The first byte of what may follow a block: a block, a group, padding, a cluster, the index.
FOLLOWERS = frozenset({SIMPLE_BLOCK, 0xA0, 0xEC, 0x1F, 0x1C})
MAX_BLOCK = 1 << 20  # bytes of one block of audio
BLOCK_HEADER = 16  # bytes, at most

HEAD = 1 << 16  # bytes that hold the headers before the first cluster
SEGMENT, SEEK_HEAD, INFO = 0x18538067, 0x114D9B74, 0x1549A966
SEEK, SEEK_ID, SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
TIMESTAMP_SCALE, DURATION, CLUSTER = 0x2AD7B1, 0x4489, 0x1F43B675
CUES, CUE_POINT, CUE_TIME = 0x1C53BB6B, 0xBB, 0xB3
MAX_CUT = 1 << 20  # bytes that may be missing before the index
INDEX_HEAD = 256  # bytes of the index that hold its first cue
DEFAULT_SCALE = 1_000_000  # nanoseconds per tick, if the file doesn't declare any


class SimpleBlock(NamedTuple):
    """One unlaced block; `time` is in the file's ticks, from its cluster's time on."""

    start: int
    data: int  # first byte of the packet in it
    end: int
    track: int
    time: int


def block_at(reader: Reader, position: int) -> SimpleBlock | None:
    """The block that starts at `position`, None if none does."""
    head = reader.read(position, BLOCK_HEADER)
    if len(head) < 8 or head[0] != SIMPLE_BLOCK:
        return None
    size, width = _variable_number(head, 1)
    at = 1 + width
    if width > 8 or at + 4 > len(head) or not 4 < size < MAX_BLOCK:
        return None
    if not head[at] & 0x80 or head[at + 3] & 0x76:  # more than 127 tracks, or laced
        return None
    return SimpleBlock(
        position,
        position + at + 4,
        position + at + size,
        head[at] & 0x7F,
        int.from_bytes(head[at + 1 : at + 3], "big", signed=True),
    )


def block_around(reader: Reader, position: int) -> SimpleBlock | None:
    """The block whose content, after its size, is at `position`, as libav reports it."""
    for start in range(position, max(0, position - BLOCK_HEADER), -1):
        block = block_at(reader, start)
        if block is not None and position == block.data - 4:
            return block
    return None


def skipped_blocks(reader: Reader, last: SimpleBlock, stop: int) -> Iterator[SimpleBlock]:
    """Blocks of the same track between `last` and `stop`, in order.

    If `time` goes back, another cluster has begun, whose own time is lost with its head;
    the search ends before a second such cluster.
    """
    position, time, clusters = last.end, last.time, 1
    while position < stop:
        data, at = reader.window(position, BLOCK_HEADER)
        found = data.find(SIMPLE_BLOCK.to_bytes(1, "big"), at)
        if found < 0:
            position += max(1, len(data) - at)
            continue
        position += found - at
        if position >= stop:
            return
        block = block_at(reader, position)
        if block is None or block.track != last.track or not _is_followed(reader, block, stop):
            position += 1
            continue
        clusters += block.time <= time
        if clusters > 2:
            return
        yield block
        position, time = block.end, block.time


def _is_followed(reader: Reader, block: SimpleBlock, stop: int) -> bool:
    if block.end >= stop:
        return block.end == stop
    return reader.read(block.end, 1)[0] in FOLLOWERS


def first_cue(file: BinaryIO) -> float | None:
    """The time of the first cue in seconds; None if the file has no readable index."""
    declared = _declared_index(file.read(HEAD))
    if declared is None:
        return None
    position, scale = declared
    # If bytes were cut out of the file, the index lies before its declared position.
    file.seek(max(0, position - MAX_CUT))
    data = file.read(min(position, MAX_CUT) + INDEX_HEAD)
    at = data.rfind(CUES.to_bytes(4, "big"))
    ticks = _first_cue_ticks(data[at : at + INDEX_HEAD]) if at >= 0 else None
    return None if ticks is None else ticks * scale / 1e9


def segment_at(head: bytes) -> tuple[int, int | None] | None:
    """Where a segment's content starts, and its declared size; None if that is left open."""
    found = next((one for one in _elements(head, 0, len(head)) if one[0] == SEGMENT), None)
    if found is None:
        return None
    at = head.index(SEGMENT.to_bytes(4, "big")) + 4
    size, width = _variable_number(head, at)
    return found[1], None if size == (1 << 7 * width) - 1 else size


def declared_seconds(head: bytes) -> float | None:
    """The Duration element of a file's first bytes (RFC 9559, 5.1.2.10); None without one."""
    segment = segment_at(head)
    for kind, begin, stop in _elements(head, segment[0], len(head)) if segment else ():
        if kind == INFO:
            scale = _child_number(head, begin, stop, TIMESTAMP_SCALE) or DEFAULT_SCALE
            return _child_float(head, begin, stop, DURATION, scale / 1e9)
    return None


def element_at(reader: Reader, position: int) -> tuple[int, int | None] | None:
    """Where an element's content starts, and its size, None if that is left open.

    None if no whole header of an element is at `position`.
    """
    head = reader.read(position, 12)
    width = 9 - head[0].bit_length() if head else 9
    if width > 4 or len(head) <= width:
        return None
    size, more = _variable_number(head, width)
    if more > 8 or len(head) < width + more:
        return None
    return position + width + more, None if size == (1 << 7 * more) - 1 else size


def _declared_index(head: bytes) -> tuple[int, int] | None:
    """The declared position of the index, and the nanoseconds per tick."""
    segment = next((one for one in _elements(head, 0, len(head)) if one[0] == SEGMENT), None)
    if segment is None:
        return None
    _, start, end = segment
    scale, cues = DEFAULT_SCALE, None
    for kind, begin, stop in _elements(head, start, end):
        if kind == CLUSTER:
            break
        if kind == SEEK_HEAD:
            cues = _cues_position(head, begin, stop)
        elif kind == INFO:
            scale = _child_number(head, begin, stop, TIMESTAMP_SCALE) or scale
    return None if cues is None else (start + cues, scale)


def _first_cue_ticks(index: bytes) -> int | None:
    cues = next(_elements(index, 0, len(index)), None)
    if cues is None:
        return None
    for kind, begin, stop in _elements(index, cues[1], len(index)):
        if kind == CUE_POINT:  # a checksum may come before it
            return _child_number(index, begin, stop, CUE_TIME)
    return None


def _cues_position(data: bytes, start: int, end: int) -> int | None:
    """The position of the index in a seek head, counted from the segment's first byte."""
    for kind, begin, stop in _elements(data, start, end):
        if kind == SEEK and _child_number(data, begin, stop, SEEK_ID) == CUES:
            return _child_number(data, begin, stop, SEEK_POSITION)
    return None


def _child_number(data: bytes, start: int, end: int, wanted: int) -> int | None:
    for kind, begin, stop in _elements(data, start, end):
        if kind == wanted:
            return int.from_bytes(data[begin:stop], "big")
    return None


def _child_float(data: bytes, start: int, end: int, wanted: int, unit: float) -> float | None:
    """A floating-point number of 4 or 8 bytes, times its unit."""
    for kind, begin, stop in _elements(data, start, end):
        form = {4: ">f", 8: ">d"}.get(stop - begin)
        if kind == wanted and form is not None and stop <= len(data):
            return float(struct.unpack(form, data[begin:stop])[0]) * unit
    return None


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each element's id, with the first byte of its content and the one after its last."""
    end = min(end, len(data))
    while start < end:
        kind, width = _variable_number(data, start)
        if width > 4 or start + width >= end:
            return
        kind |= 1 << 7 * width  # an id includes its length marker
        start += width
        size, width = _variable_number(data, start)
        if width > 8 or start + width > end:
            return
        start += width
        unknown = size == (1 << 7 * width) - 1
        stop = end if unknown else start + size
        yield kind, start, stop
        start = stop


def _variable_number(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at` and its width in bytes, 9 if there is none (RFC 8794, 4).

    The leading zeros of the first byte give the width.
    """
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1, width
