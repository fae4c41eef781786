"""Makes a block of WavPack that was cut off decodable, as far as it is there.

A block may hold seconds of sound, and libav refuses one that is shorter than its header states.
With the sizes of what is there, its decoder stops at the end, and fills the rest with zeros
(https://www.wavpack.com/WavPack5FileFormat.pdf).
"""

from __future__ import annotations

import struct

BLOCK_HEADER = 32  # bytes
INITIAL_AND_FINAL = 3 << 11  # flags of a block that has all the channels
LARGE, ODD = 0x80, 0x40  # flags in the id of a sub-block
SOUND = 0x0A  # id of the sub-block with the samples
MIN_SOUND = 64  # bytes


def shortened_block(data: bytes) -> bytes | None:
    """The block that begins in these bytes and was cut off with them; None if that is no use."""
    if len(data) < BLOCK_HEADER or data[:4] != b"wvpk":
        return None
    length, flags = struct.unpack("<I", data[4:8])[0], struct.unpack("<I", data[24:28])[0]
    if length + 8 <= len(data) or flags & INITIAL_AND_FINAL != INITIAL_AND_FINAL:
        return None
    at = BLOCK_HEADER
    while at + 4 <= len(data):
        kind = data[at]
        head = 4 if kind & LARGE else 2
        words = int.from_bytes(data[at + 1 : at + head], "little")
        left = (len(data) - at - head) // 2
        if kind & ~(LARGE | ODD) == SOUND:
            if head < 4 or left * 2 < MIN_SOUND or words <= left:
                return None
            sound = bytes([kind & ~ODD]) + left.to_bytes(3, "little")
            block = data[:at] + sound + data[at + head : at + head + 2 * left]
            return block[:4] + struct.pack("<I", len(block) - 8) + block[8:]
        at += head + 2 * words
    return None
