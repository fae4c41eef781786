"""Reads layouts that fixed fields give, in a header or at the end.

AU, SPHERE, SoX' own, TTA, ASF, Matroska and NUT.
"""

from __future__ import annotations

import re
import struct

from parakeet_cli.audio.decode.layout.base import Layout, known_size
from parakeet_cli.audio.decode.layout.chunks import MAX_CHUNKS
from parakeet_cli.audio.decode.recover.matroska import segment_at
from parakeet_cli.audio.decode.recover.reader import Reader

SPHERE_HEAD = 1 << 14  # bytes; headers are 1,024 or a few times that
SAMPLE_BYTES = {b"pcm", b"ulaw", b"alaw", b"mu-law"}  # codings whose samples have one size
TTA_HEADER, TTA_CHECKSUM = 22, 4  # bytes
MAX_TTA_FRAMES = 1 << 22  # of about a second
NUT_INDEX, NUT_INDEX_END = bytes.fromhex("4e58dd672f23e64e"), 12
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def au_layout(reader: Reader) -> Layout | None:
    """AU: the size after the magic and the header's length, 0xFFFFFFFF if unknown."""
    start, declared = struct.unpack(">II", reader.read(4, 8).ljust(8, b"\0"))
    size = known_size(declared, reader.size - start)
    return Layout(start, size, None if size is None else start + size)


def sphere_layout(reader: Reader) -> Layout | None:
    """NIST SPHERE: the header's own length, and its sample_count if samples have one size."""
    head = reader.read(0, SPHERE_HEAD)
    length = re.match(rb"NIST_1A\n\s*(\d{1,9})\n", head)
    if length is None:
        return None
    start = int(length[1])
    fields = dict(re.findall(rb"^(\w+) -\S+ (\S+)", head[:start], re.MULTILINE))

    def number(name: bytes, default: int) -> int:
        value = fields.get(name, b"")
        return int(value) if value.isdigit() and len(value) < 19 else default

    coding = fields.get(b"sample_coding", b"pcm")
    if coding not in SAMPLE_BYTES:
        return Layout(start, None)
    frame = number(b"channel_count", 1) * number(b"sample_n_bytes", 2)
    size = known_size(number(b"sample_count", 0) * frame, reader.size - start)
    return Layout(start, size, None if size is None else start + size)


def sox_layout(reader: Reader) -> Layout | None:
    """SoX' own format: 32-bit samples of all channels, counted in the header; 0 if unknown."""
    order = "<" if reader.read(0, 4) == b".SoX" else ">"
    length, samples = struct.unpack(order + "IQ", reader.read(4, 12).ljust(12, b"\0"))
    start = 4 + length
    size = known_size(4 * samples, reader.size - start)
    return Layout(start, size, None if size is None else start + size)


def tta_layout(reader: Reader) -> Layout | None:
    """TTA: the sizes of all frames are in a table after the header."""
    head = reader.read(0, TTA_HEADER)
    if len(head) < TTA_HEADER:
        return None
    rate, samples = struct.unpack("<II", head[10:18])
    frame = 256 * rate // 245
    if not frame or not 0 < -(-samples // frame) <= MAX_TTA_FRAMES:
        return None
    frames = -(-samples // frame)
    table = reader.read(TTA_HEADER, 4 * frames)
    start = TTA_HEADER + 4 * frames + TTA_CHECKSUM
    if len(table) < 4 * frames:
        return None
    size = known_size(sum(struct.unpack(f"<{frames}I", table)), max(0, reader.size - start))
    return Layout(start, size, None if size is None else start + size)


def nut_layout(reader: Reader) -> Layout:
    """NUT: what lies before its index, which ends with its own length and a checksum.

    The specification lets writers leave the index out, but FFmpeg never does, not even in a pipe.
    """
    length = int.from_bytes(reader.read(max(0, reader.size - NUT_INDEX_END), 8), "big")
    start = max(0, reader.size - length)
    if reader.read(start, 8) != NUT_INDEX:
        return Layout(0, reader.size, open_end=True)
    return Layout(0, start)


def asf_layout(reader: Reader) -> Layout | None:
    """ASF: objects with a GUID and a size, as far as they lead."""
    position = 0
    for _ in range(MAX_CHUNKS):
        head = reader.read(position, 24)
        length = int.from_bytes(head[16:], "little")
        if len(head) < 24 or (position and head[:16] == ASF_HEADER):
            break
        if not 24 <= length <= reader.size - position:
            break
        position += length
    return Layout(0, position, position, likely=True) if 0 < position < reader.size else None


def matroska_layout(reader: Reader) -> Layout | None:
    """Matroska and WebM: the segment's size, all ones if it was streamed."""
    segment = segment_at(reader.read(0, SPHERE_HEAD))
    if segment is None:
        return None
    start, declared = segment
    size = None if declared is None else known_size(declared, reader.size - start)
    return Layout(start, size, None if size is None else start + size)
