"""Sound behind a hole in a Matroska or WebM cluster, which libav passes over.

After damage libav goes on at the next cluster, up to five seconds later, though every
block says how long it is, whose it is and when it is due (RFC 9559, 10 and 12). So the
bytes that were passed over are searched for blocks that others follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from parakeet_cli.audio.decode.recover.mpeg_frames import Reader

SIMPLE_BLOCK = 0xA3
# What may follow a block: another, a group of them, padding, a cluster, the index.
FOLLOWERS = frozenset({SIMPLE_BLOCK, 0xA0, 0xEC, 0x1F, 0x1C})
LONGEST = 1 << 20  # bytes of one block of sound


class SimpleBlock(NamedTuple):
    """One unlaced block; `time` is in the file's ticks, from its cluster's time on."""

    start: int
    data: int  # first byte of the packet in it
    end: int
    track: int
    time: int


def block_at(reader: Reader, position: int) -> SimpleBlock | None:
    """The block that starts at `position`, if that is what lies there."""
    head = reader.read(position, 16)
    if len(head) < 8 or head[0] != SIMPLE_BLOCK or not head[1]:
        return None
    width = 9 - head[1].bit_length()  # of the size: as many bytes as its leading zeros say
    size = int.from_bytes(head[1 : 1 + width], "big") & (1 << 7 * width) - 1
    at = 1 + width
    if at + 4 > len(head) or not head[at] & 0x80 or head[at + 3] & 0x76 or not 4 < size < LONGEST:
        return None  # more than 127 tracks, laced, or nothing that makes sense
    return SimpleBlock(
        position,
        position + at + 4,
        position + at + size,
        head[at] & 0x7F,
        int.from_bytes(head[at + 1 : at + 3], "big", signed=True),
    )


def block_around(reader: Reader, position: int) -> SimpleBlock | None:
    """The block whose content, after its size, is at `position`: where libav says it is."""
    for start in range(position, max(0, position - 16), -1):
        block = block_at(reader, start)
        if block is not None and position == block.data - 4:
            return block
    return None


def passed_over(reader: Reader, last: SimpleBlock, stop: int) -> Iterator[SimpleBlock]:
    """Blocks of the same track between `last` and `stop`, in order.

    Where `time` goes back another cluster begins, whose own time is gone with its head;
    a second such cluster is not looked at.
    """
    position, time, clusters = last.end, last.time, 1
    while position < stop:
        data, at = reader.window(position, 16)
        found = data.find(SIMPLE_BLOCK.to_bytes(1, "big"), at)
        if found < 0:
            position += max(1, len(data) - at)
            continue
        position += found - at
        if position >= stop:
            return
        block = block_at(reader, position)
        if block is None or block.track != last.track or not _followed(reader, block, stop):
            position += 1
            continue
        clusters += block.time <= time
        if clusters > 2:
            return
        yield block
        position, time = block.end, block.time


def _followed(reader: Reader, block: SimpleBlock, stop: int) -> bool:
    if block.end >= stop:
        return block.end == stop
    return reader.read(block.end, 1)[0] in FOLLOWERS
