"""Reads layouts made of blocks that each state their size: VOC, WavPack and the MP4 family."""

from __future__ import annotations

import struct

from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.recover.mp4 import TOP_LEVEL, boxes
from parakeet_cli.audio.decode.recover.reader import Reader

MAX_BLOCKS = 1 << 20  # a block of WavPack or VOC lasts some tenths of a second at least
VOC_END, VOC_LAST = 0, 9  # kinds of block
WAVPACK_HEADER = 32  # bytes
WAVPACK_INITIAL = 1 << 11  # the first block of those with the same samples


def voc_layout(reader: Reader) -> Layout | None:
    """VOC: blocks of a kind and a 24-bit size, the last of kind 0."""
    start = position = int.from_bytes(reader.read(20, 2), "little")
    for _ in range(MAX_BLOCKS):
        head = reader.read(position, 4)
        if head[:1] == bytes([VOC_END]):
            return Layout(start, position - start, position + 1)
        if len(head) < 4 or head[0] > VOC_LAST:
            break
        position += 4 + int.from_bytes(head[1:], "little")
    return Layout(start, position - start, position, open_end=True) if position > start else None


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
    """The MP4 family: boxes up to the next one that says again what the file is."""
    for box in boxes(reader.file, 0, reader.size):
        if box.kind == b"ftyp" and box.start:
            return Layout(0, box.start, box.start)
        if box.kind not in TOP_LEVEL and not box.kind.isalnum():
            break
    return None
