"""Finds out whether a file ends within a packet, where it doesn't say how long it should be.

What was written to a pipe, or by a recorder that was killed, has no length. But each packet
states its own, and one that reaches beyond the end of the file proves that it was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from parakeet_cli.audio.decode.recover.matroska import element_at
from parakeet_cli.audio.decode.recover.reader import Reader

MAX_ELEMENTS = 1 << 16
MATROSKA_BLOCK_HEAD = 4  # bytes of a block that libav counts into neither position nor size
MATROSKA_ELEMENT_HEAD = 12  # bytes of an identity and a size, at most
FLV_TAGS = (8, 9, 18)  # sound, picture, data
AVI_CHUNK, AVI_ENTRY = re.compile(rb"\d\d(?:wb|dc|db|tx)"), 16
AVI_TAIL = 1 << 17  # bytes; a chunk of sound has some hundreds
WAVPACK_HEAD = 8  # bytes that a block's size leaves out


def ends_within_packet(reader: Reader, container: str, position: int) -> bool:
    """Whether a file ends within a packet; the last one that was read ended at `position`."""
    for name in container.split(","):
        if name in BY_CONTAINER:
            return BY_CONTAINER[name](reader, position)
    return False


def is_cut_flv(reader: Reader, position: int = 0) -> bool:
    """Whether an FLV file doesn't end with a tag and its size (FLV 10.1, E.4.1)."""
    length = int.from_bytes(reader.read(max(0, reader.size - 4), 4), "big")
    head = reader.read(max(0, reader.size - 4 - length), 4)
    stated = int.from_bytes(head[1:4], "big") + 11
    return not (11 <= length == stated and head and head[0] & 31 in FLV_TAGS)


def _matroska(reader: Reader, position: int) -> bool:
    """Elements follow the last block, and lie one behind the other."""
    position += MATROSKA_BLOCK_HEAD
    for _ in range(MAX_ELEMENTS):
        if position >= reader.size:
            break
        element = element_at(reader, position)
        if element is None:  # cut off, or damaged
            return reader.size - position < MATROSKA_ELEMENT_HEAD
        start, size = element
        position = start + (size or 0)
        if position > reader.size:
            return True
    return False


def _avi(reader: Reader, position: int) -> bool:
    begin = max(0, reader.size - AVI_TAIL)
    tail = reader.read(begin, AVI_TAIL)
    chunks = [found.start() for found in AVI_CHUNK.finditer(tail)]
    if not chunks or AVI_CHUNK.match(tail, max(0, chunks[-1] - AVI_ENTRY)):
        return False  # the entries of an index are alike, but of one length
    size = int.from_bytes(tail[chunks[-1] + 4 : chunks[-1] + 8], "little")
    return chunks[-1] + 8 + size > len(tail)


def _wavpack(reader: Reader, position: int) -> bool:
    """Blocks lie one behind the other from the start of the file."""
    at = 0
    while at < reader.size and reader.read(at, 4) == b"wvpk":
        at += WAVPACK_HEAD + int.from_bytes(reader.read(at + 4, 4), "little")
    return at > reader.size


BY_CONTAINER: dict[str, Callable[[Reader, int], bool]] = {
    "flv": is_cut_flv,
    "matroska": _matroska,
    "avi": _avi,
    "wv": _wavpack,
}
