"""Reads layouts made of blocks that each state their size: VOC, WavPack and the MP4 family."""

from __future__ import annotations

import struct

from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.recover.boxes import TOP_LEVEL, boxes
from parakeet_cli.audio.decode.recover.reader import Reader

MAX_BLOCKS = 1 << 20  # a block of WavPack or VOC lasts some tenths of a second at least
VOC_END, VOC_LAST = 0, 9  # kinds of block
# By kind of block: by how many bytes SoX states too few for one with sound.
VOC_MISCOUNTS = {1: 0, 9: 8}
VOC_WRAP = 1 << 24  # bytes, at which SoX' sizes wrap around
WAVPACK_HEADER = 32  # bytes
WAVPACK_INITIAL = 1 << 11  # the first block of those with the same samples


def voc_layout(reader: Reader) -> Layout | None:
    """VOC: blocks of a kind and a 24-bit size, the last of kind 0; sound of size 0 has no end."""
    start = position = int.from_bytes(reader.read(20, 2), "little")
    for _ in range(MAX_BLOCKS):
        head = reader.read(position, 4)
        if head[:1] == bytes([VOC_END]):
            return Layout(start, position - start, position + 1)
        if len(head) < 4 or head[0] > VOC_LAST:
            break
        size = int.from_bytes(head[1:], "little")
        if not size and head[0] in VOC_MISCOUNTS:
            return Layout(start, None)
        if (patch := _voc_size_patch(reader, position, head[0], size)) is not None:
            last = reader.size - 1
            return Layout(start, last - start, last, (patch,), wrapped=True)
        position += 4 + size
    return Layout(start, position - start, position, open_end=True) if position > start else None


def _voc_size_patch(
    reader: Reader, position: int, kind: int, size: int
) -> tuple[int, bytes] | None:
    """The right size of a block by SoX, which counts too few; None if the size is right.

    SoX writes one such block and the end mark behind it, however long the sound is.
    """
    last = reader.size - 1
    more = last - position - 4 - size
    if more <= 0 or more % VOC_WRAP != VOC_MISCOUNTS.get(kind) or reader.read(last, 1) != b"\0":
        return None
    right = size + more
    return position + 1, (right if right < VOC_WRAP else 0).to_bytes(3, "little")


def wavpack_layout(reader: Reader) -> Layout | None:
    """WavPack: blocks up to one that begins with sample 0 again; behind damage they are found."""
    position, last = 0, -1
    for _ in range(MAX_BLOCKS):
        head = reader.read(position, WAVPACK_HEADER)
        if head[:4] != b"wvpk":
            found = reader.find(b"wvpk", position)
            if found is None:
                break
            position = found
            continue
        if len(head) < WAVPACK_HEADER:
            break
        length, _, index_high, _, _, index, samples, flags = struct.unpack("<IHBBIIII", head[4:28])
        first = samples and flags & WAVPACK_INITIAL and not index and not index_high
        if first and last >= 0:
            return Layout(0, position, position)
        last = index if samples else last
        position += 8 + length
    return None


def mp4_layout(reader: Reader) -> Layout | None:
    """The MP4 family: boxes up to the next one that says again what the file is, or to others."""
    seen: set[bytes] = set()
    for box in boxes(reader.file, 0, reader.size):
        if box.kind == b"ftyp" and box.start:
            return Layout(0, box.start, box.start)
        if box.kind not in TOP_LEVEL and not box.kind.isalnum():
            return _likely_end(box.start, seen)
        seen.add(box.kind)
    return None


def _likely_end(position: int, seen: set[bytes]) -> Layout | None:
    """The end of a file that has sound and an index, if what follows isn't a box."""
    return Layout(0, position, position, likely=True) if seen >= {b"moov", b"mdat"} else None
