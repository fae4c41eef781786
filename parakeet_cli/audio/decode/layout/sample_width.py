"""Corrects the header of WAVs whose samples have more room than they use, such as 24 bits in 32.

WAVE_FORMAT_EXTENSIBLE states both numbers. libav reads samples as wide as they are used, which is
noise; those who write such files put zeros into the rest.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from parakeet_cli.audio.decode.layout.chunks import W64_RIFF, chunks
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.reader import Reader

EXTENSIBLE = 0xFFFE
PCM = 1
RIFFS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
W64_FORMAT = 64  # the byte at which it mostly begins
FORMAT_BYTES = 40


def with_full_width(part: FilePart) -> BinaryIO | None:
    """The file with all bits of its samples declared as used; None if that changes nothing."""
    with part.open() as file:
        magic = file.read(16)
        if magic != W64_RIFF and (magic[:4] not in RIFFS or magic[8:12] != b"WAVE"):
            return None
        reader = Reader(file, part.size)
        order = RIFFS.get(magic[:4], "<")
        at = _format_chunk(reader, magic, order)
        body = b"" if at is None else reader.read(at, FORMAT_BYTES)
    if at is None or len(body) < FORMAT_BYTES:
        return None
    tag, channels, _, _, block, bits, _, used = struct.unpack(order + "HHIIHHHH", body[:20])
    kind = struct.unpack(order + "H", body[24:26])[0]
    packed = -(-used // 8) * 8
    if (tag, kind) != (EXTENSIBLE, PCM) or not 0 < packed < bits or block * 8 != channels * bits:
        return None
    patch = at + 18, struct.pack(order + "H", bits)
    return replace(part, patches=(*part.patches, patch)).open()


def _format_chunk(reader: Reader, magic: bytes, order: str) -> int | None:
    """The byte at which the content of the format chunk begins."""
    if magic == W64_RIFF:
        return W64_FORMAT if reader.read(40, 4) == b"fmt " else None
    for chunk in chunks(reader, 12, struct.Struct(order + "4sI")):
        if chunk.name == b"fmt ":
            return chunk.data
        if chunk.name == b"data":
            break
    return None
