"""Parses one frame header of an MP3, ADTS or AMR stream, and the tags around the frames.

ISO/IEC 11172-3 and 13818-3 (MPEG audio), 13818-7 (ADTS), RFC 4867 (AMR), id3.org (tags).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

HEADER_BYTES = 10  # the longest of the headers and tags parsed here


class FrameHeader(NamedTuple):
    """One frame's header. `kind` holds the bits that all frames of a stream share."""

    size: int  # bytes, header included
    samples: int  # per channel
    rate: int
    kind: int


Parse = Callable[[bytes, int], FrameHeader | None]


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """A stream of frames whose headers declare their own length."""

    parse: Parse
    lead: bytes | None = b"\xff"  # the first byte of every frame, if it is always the same
    # Headers in a row, each at the place its predecessor gives, that count as a sync.
    chain: int = 3
    magic: bytes = b""  # the first bytes of the file


BIT_RATES = {  # kbit/s by (MPEG 1?, layer), for the index 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MPEG_RATES = (44_100, 48_000, 32_000)
ADTS_RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
    8_000, 7_350,
)  # fmt: skip

# Bytes per frame by its type, header included; 0 for undefined types.
AMR_SIZES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
AMR_WIDE_SIZES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)


@cache
def _mpeg_header(second: int, third: int) -> FrameHeader | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate, rate = third >> 4, third >> 2 & 3
    if second < 0xE0 or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3  # MPEG 1; else 2 at half its rates, or 2.5 at a quarter
    hertz = MPEG_RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    bits = BIT_RATES[first, layer][bit_rate - 1] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        size, samples = (12 * bits // hertz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and not first else 1152
        size = samples // 8 * bits // hertz + padding
    return FrameHeader(size, samples, hertz, second >> 1 << 2 | rate)


def mpeg_header(data: bytes, at: int) -> FrameHeader | None:
    """The MPEG audio frame header at `at`, except free format."""
    if at + 4 > len(data) or data[at] != 0xFF:
        return None
    return _mpeg_header(data[at + 1], data[at + 2])


def adts_header(data: bytes, at: int) -> FrameHeader | None:
    """The ADTS frame header at `at`."""
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate >= len(ADTS_RATES) or size < 7:
        return None
    samples = 1024 * ((data[at + 6] & 3) + 1)
    kind = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3] & 0xC0
    return FrameHeader(size, samples, ADTS_RATES[rate], kind)


def amr_header(data: bytes, at: int) -> FrameHeader | None:
    """The AMR frame at `at` by its table-of-contents byte (RFC 4867, 5.3)."""
    size = AMR_SIZES[data[at] >> 3 & 15]
    return FrameHeader(size, 160, 8_000, 0) if size and data[at] & 0x87 == 4 else None


def amr_wide_header(data: bytes, at: int) -> FrameHeader | None:
    """The AMR-WB frame at `at`, by the same byte."""
    size = AMR_WIDE_SIZES[data[at] >> 3 & 15]
    return FrameHeader(size, 320, 16_000, 0) if size and data[at] & 0x87 == 4 else None


MPEG = FrameFormat(mpeg_header)
ADTS = FrameFormat(adts_header)
# One byte in 25 could be an AMR header, so a sync takes more of them in a row.
AMR = FrameFormat(amr_header, None, 8, b"#!AMR\n")
AMR_WIDE = FrameFormat(amr_wide_header, None, 8, b"#!AMR-WB\n")


def tag_size(data: bytes) -> int:
    """The length of the ID3, APE or Lyrics3 tag at the start of `data`; 0 without a tag."""
    if data[:3] == b"ID3" and len(data) >= 10 and not any(byte & 0x80 for byte in data[6:10]):
        size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
        return size + (20 if data[5] & 0x10 else 10)
    if data[:3] == b"TAG":
        return 128
    if data[:8] == b"APETAGEX" and len(data) >= 32:
        size = int.from_bytes(data[12:16], "little")
        return size + (32 if data[23] & 0x20 else 0)  # the size excludes the header
    if data[:11] == b"LYRICSBEGIN" and (end := data.find(b"LYRICS200")) > 0:
        return end + 9
    return 0
