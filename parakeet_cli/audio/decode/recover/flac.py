"""Finds FLAC frames after damage by their headers, which carry a number and a checksum.

libav's parser loses up to half a second beside a hole and returns frames out of order.
Here a header counts if its CRC-8 is right, if it agrees with STREAMINFO, and if the next
one continues it (RFC 9639, 9.1). Whether the whole frame is intact is up to the decoder,
by the frame's CRC-16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from parakeet_cli.audio.decode.recover.reader import WINDOW, Reader

MAX_HEADER = 16  # bytes
MAX_FRAME = 1 << 24  # bytes; two headers are further apart only if a frame is missing
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
    """One frame as its header describes it; `size` runs to the next header."""

    position: int
    size: int
    sample: int  # the number of its first sample in the stream
    samples: int
    rate: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The values that all frames of the stream share."""

    block: int  # samples per frame, if that is fixed
    rate: int
    channels: int
    total: int  # samples in the stream; 0 if unknown


class _Header(NamedTuple):
    """A frame header that was found, not yet confirmed by the next one."""

    position: int
    sample: int
    samples: int

    @property
    def next_sample(self) -> int:
        return self.sample + self.samples


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
        packed & (1 << 36) - 1,
    )


@dataclass(slots=True)
class FlacFrames:
    """The frames from `position` on, in order, without those that no other one confirms."""

    reader: Reader
    position: int

    def __iter__(self) -> Iterator[FlacFrame]:
        info = stream_info(self.reader.read(0, WINDOW))
        if info is None or not info.rate:
            return
        waiting: _Header | None = None
        confirmed = False  # `waiting` continues the header before it
        for header in self._headers(info):
            if waiting is None:
                waiting = header
                continue
            continues = header.sample == waiting.next_sample
            size = header.position - waiting.position
            if (confirmed or continues) and size <= MAX_FRAME:
                if header.sample < waiting.next_sample:
                    continue  # bytes within a frame that happen to look like a header
                yield FlacFrame(waiting.position, size, *waiting[1:], info.rate)
            waiting, confirmed = header, continues
        if waiting is not None and confirmed:
            size = min(self.reader.size - waiting.position, MAX_FRAME)
            yield FlacFrame(waiting.position, size, *waiting[1:], info.rate)

    def _headers(self, info: StreamInfo) -> Iterator[_Header]:
        position = self.position
        while position + 6 <= self.reader.size:
            data, at = self.reader.window(position, MAX_HEADER)
            found = data.find(b"\xff", at, max(at + 1, len(data) - MAX_HEADER + 1))
            if found < 0:
                position += max(1, len(data) - MAX_HEADER + 1 - at)
                continue
            position += found - at
            if data[found + 1 : found + 2] in (b"\xf8", b"\xf9"):
                header = _parse_header(data[found : found + MAX_HEADER], info)
                if header is not None:
                    yield _Header(position, *header)
            position += 1


def _parse_header(data: bytes, info: StreamInfo) -> tuple[int, int] | None:
    """The number of a frame's first sample and its sample count; None if it isn't a header."""
    data = data.ljust(MAX_HEADER, b"\0")
    block, rate = data[2] >> 4, data[2] & 15
    if block == 0 or rate == 15 or data[3] & 1:
        return None
    channels = data[3] >> 4
    if (2 if 8 <= channels <= 10 else channels + 1) != info.channels:
        return None
    coded = _coded_number(data, 4)
    if coded is None:
        return None
    number, at = coded
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
    return None if info.total and sample >= info.total else (sample, samples)


def _coded_number(data: bytes, at: int) -> tuple[int, int] | None:
    """The number at `at`, coded like UTF-8, and the index after it (RFC 9639, 9.1.5)."""
    lead = data[at]
    length = 1 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length()
    if length > 7 or (length == 1 and lead >= 0x80):
        return None
    number = lead if length == 1 else lead & (0x7F >> length)
    for byte in data[at + 1 : at + length]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    return number, at + length
