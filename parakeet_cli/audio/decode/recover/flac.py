"""Finding FLAC frames after damage by their headers, which number and check themselves.

libav's parser loses up to half a second beside a hole and gives frames out of order.
A header here counts when its CRC-8 is right, when it agrees with STREAMINFO, and when the
next one goes on from it (RFC 9639, 9.1). Whether the frame behind it is whole is the
decoder's to say, by the frame's CRC-16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from parakeet_cli.audio.decode.recover.mpeg_frames import WINDOW, Reader

LONGEST_HEADER = 16  # bytes
LARGEST_FRAME = 1 << 24  # bytes; more lies between two headers only where a frame is gone
BLOCK_SIZES = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}} | {
    code: 256 << code - 8 for code in range(8, 16)
}


def _crc8_table() -> bytes:
    table = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ 0x07) & 0xFF if byte & 0x80 else byte << 1
        table.append(byte)
    return bytes(table)


CRC8 = _crc8_table()


class FlacFrame(NamedTuple):
    """One frame as its header tells it; `size` runs to the next header."""

    position: int
    size: int
    sample: int  # of the whole stream, the first one's number
    samples: int
    rate: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What all frames of the stream share."""

    block: int  # samples a frame, where that is fixed
    rate: int
    channels: int
    bits: int
    total: int  # 0 where it is not known


def stream_info(head: bytes) -> StreamInfo | None:
    """STREAMINFO from a file's first bytes (RFC 9639, 8.2)."""
    at = head.find(b"fLaC")
    if at < 0 or len(head) < at + 26:
        return None
    packed = int.from_bytes(head[at + 18 : at + 26], "big")
    return StreamInfo(
        int.from_bytes(head[at + 8 : at + 10], "big"),
        packed >> 44,
        (packed >> 41 & 7) + 1,
        (packed >> 36 & 31) + 1,
        packed & (1 << 36) - 1,
    )


@dataclass(slots=True)
class FlacFrames:
    """The frames from `position` on, in order; those that nothing confirms are left out."""

    reader: Reader
    position: int

    def __iter__(self) -> Iterator[FlacFrame]:
        info = stream_info(self.reader.read(0, WINDOW))
        if info is None or not info.rate:
            return
        waiting: tuple[int, int, int] | None = None  # position, sample, samples
        trusted = False  # the one that waits was confirmed by the one before it
        for position, sample, samples in self._headers(info):
            if waiting is not None:
                follows = sample == waiting[1] + waiting[2]
                size = position - waiting[0]
                if (trusted or follows) and size <= LARGEST_FRAME:
                    if not follows and sample < waiting[1] + waiting[2]:
                        continue  # a header that lies within a frame by chance
                    yield FlacFrame(waiting[0], size, waiting[1], waiting[2], info.rate)
                trusted = follows
            waiting = position, sample, samples
        if waiting is not None and trusted:
            size = self.reader.size - waiting[0]
            yield FlacFrame(waiting[0], min(size, LARGEST_FRAME), *waiting[1:], info.rate)

    def _headers(self, info: StreamInfo) -> Iterator[tuple[int, int, int]]:
        position = self.position
        while position + 6 <= self.reader.size:
            data, at = self.reader.window(position, LONGEST_HEADER)
            found = data.find(b"\xff", at, max(at + 1, len(data) - LONGEST_HEADER + 1))
            if found < 0:
                position += max(1, len(data) - LONGEST_HEADER + 1 - at)
                continue
            position += found - at
            if data[found + 1 : found + 2] in (b"\xf8", b"\xf9"):
                header = _header(data[found : found + LONGEST_HEADER], info)
                if header is not None:
                    yield position, *header
            position += 1


def _header(data: bytes, info: StreamInfo) -> tuple[int, int] | None:
    """The number of a frame's first sample and how many it has; None if it's no header."""
    if len(data) < LONGEST_HEADER:
        data = data + bytes(LONGEST_HEADER - len(data))
    block, rate = data[2] >> 4, data[2] & 15
    if block == 0 or rate == 15 or data[3] & 1:
        return None
    channels = data[3] >> 4
    if (2 if 8 <= channels <= 10 else channels + 1) != info.channels:
        return None
    lead = data[4]
    length = 1 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length()
    if length > 7 or (length == 1 and lead >= 0x80):
        return None
    number = lead if length == 1 else lead & (0x7F >> length)
    for byte in data[5 : 4 + length]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    at = 4 + length
    samples = BLOCK_SIZES.get(block, 0)
    if block in (6, 7):
        width = block - 5
        samples = int.from_bytes(data[at : at + width], "big") + 1
        at += width
    at += 1 if rate == 12 else 2 if rate in (13, 14) else 0
    check = 0
    for byte in data[:at]:
        check = CRC8[check ^ byte]
    if check != data[at]:
        return None
    sample = number if data[1] & 1 else number * info.block
    if info.total and sample >= info.total:
        return None
    return sample, samples
