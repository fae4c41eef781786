"""Finding the frames of an MP3 or ADTS stream by their headers alone.

Neither format has timestamps: where a frame belongs is how many frames came before it.
After damage libav's demuxer counts the frames it found, not those that are gone, and its
clock runs early. So the headers are walked once, without decoding: a run is a stretch
where each frame ends where the next begins, and what lies between two runs is a hole.
The walk takes about a microsecond a frame and remembers runs, not frames.

ISO/IEC 11172-3 and 13818-3 (MPEG audio), 13818-7 (ADTS), id3.org (tags).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO, NamedTuple

WINDOW = 1 << 20  # bytes in memory at a time
HEADER = 10  # bytes that any of the headers and tags read here needs
MEAN_OVER = 32  # frames, for the mean size beside a hole; encoders smooth over less


class Header(NamedTuple):
    """What a frame's header says. `kind` is what all frames of one stream share."""

    size: int  # bytes, header included
    samples: int  # a channel
    rate: int
    kind: int


Parse = Callable[[bytes, int], Header | None]


@dataclass(frozen=True, slots=True)
class Format:
    """A stream of frames that each say how long they are."""

    parse: Parse
    lead: bytes | None = b"\xff"  # the first byte of every frame, where there is one
    # Headers in a row, each where the one before it says, that make a sync.
    chain: int = 3
    magic: bytes = b""  # what the file starts with


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

# Bytes a frame by its type, header included; 0 where the type means nothing.
AMR_SIZES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
AMR_WIDE_SIZES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)


@cache
def _mpeg_header(second: int, third: int) -> Header | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate, rate = third >> 4, third >> 2 & 3
    if second < 0xE0 or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3  # MPEG 1; otherwise 2, or 2.5 at half its rates again
    hertz = MPEG_RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    bits = BIT_RATES[first, layer][bit_rate - 1] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        size, samples = (12 * bits // hertz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and not first else 1152
        size = samples // 8 * bits // hertz + padding
    return Header(size, samples, hertz, second >> 1 << 2 | rate)


def mpeg_header(data: bytes, at: int) -> Header | None:
    """The MPEG audio frame header at `at`, free format excepted."""
    if at + 4 > len(data) or data[at] != 0xFF:
        return None
    return _mpeg_header(data[at + 1], data[at + 2])


def adts_header(data: bytes, at: int) -> Header | None:
    """The ADTS frame header at `at`."""
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate >= len(ADTS_RATES) or size < 7:
        return None
    samples = 1024 * ((data[at + 6] & 3) + 1)
    kind = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3] & 0xC0
    return Header(size, samples, ADTS_RATES[rate], kind)


def amr_header(data: bytes, at: int) -> Header | None:
    """The AMR or AMR-WB frame at `at` by its table-of-contents byte (RFC 4867, 5.3)."""
    size = AMR_SIZES[data[at] >> 3 & 15]
    return Header(size, 160, 8_000, 0) if size and data[at] & 0x87 == 4 else None


def amr_wide_header(data: bytes, at: int) -> Header | None:
    """The same for AMR-WB."""
    size = AMR_WIDE_SIZES[data[at] >> 3 & 15]
    return Header(size, 320, 16_000, 0) if size and data[at] & 0x87 == 4 else None


MPEG = Format(mpeg_header)
ADTS = Format(adts_header)
# One byte in 25 could be a header here, so more of them must follow one another.
AMR = Format(amr_header, None, 8, b"#!AMR\n")
AMR_WIDE = Format(amr_wide_header, None, 8, b"#!AMR-WB\n")


@dataclass(slots=True)
class Run:
    """Frames that follow one another in the file without a byte between them."""

    start: int  # byte of the first frame
    end: int  # byte after the last
    frames: int
    samples_each: int
    rate: int
    head_size: float  # mean bytes of its first frames
    tail_size: float  # and of its last
    broken: bool = False  # a frame begins at `end`, and the next one isn't where it ends
    junk: int = 0  # bytes before it that are neither frames nor tags


class Reader:
    """A file's bytes by position, a window of them in memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        self._file = file
        self._base = 0
        self._data = b""

    def window(self, position: int, length: int = HEADER) -> tuple[bytes, int]:
        """Bytes in memory with `length` of them (fewer only at the end) at the index given."""
        at = position - self._base
        if at < 0 or at + length > len(self._data):
            self._file.seek(position)
            self._base, at = position, 0
            self._data = self._file.read(max(WINDOW, length))
        return self._data, at

    def read(self, position: int, length: int) -> bytes:
        data, at = self.window(position, length)
        return data[at : at + length]


def tag_size(data: bytes) -> int:
    """How long the ID3, APE or Lyrics3 tag is that starts `data`; 0 where none does."""
    if data[:3] == b"ID3" and len(data) >= 10 and not any(byte & 0x80 for byte in data[6:10]):
        size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
        return size + (20 if data[5] & 0x10 else 10)
    if data[:3] == b"TAG":
        return 128
    if data[:8] == b"APETAGEX" and len(data) >= 32:
        size = int.from_bytes(data[12:16], "little")
        return size + (32 if data[23] & 0x20 else 0)  # the size leaves the header out
    if data[:11] == b"LYRICSBEGIN" and (end := data.find(b"LYRICS200")) > 0:
        return end + 9
    return 0


def runs(reader: Reader, form: Format) -> Iterator[Run]:
    """The runs of a stream, in order, tags passed over."""
    magic = len(form.magic) if reader.read(0, len(form.magic)) == form.magic else 0
    looked = position = _after_tags(reader, magic)
    while (start := _sync(reader, form, position)) is not None:
        run = _follow(reader, form, start)
        run.junk = start - looked
        yield run
        # A broken frame's own header must not be found again.
        looked = run.end if run.broken else _after_tags(reader, run.end)
        position = looked + run.broken


def _follow(reader: Reader, form: Format, start: int) -> Run:
    """The run that begins at `start`; its last frame is left out where it is broken."""
    data, at = reader.window(start)
    first = form.parse(data, at)
    assert first is not None
    kind, size = first.kind, reader.size
    position = last = start
    frames = head_size = 0
    marks = (start, start)  # where frames begin, the second up to MEAN_OVER ago
    while position < size:
        if at + HEADER > len(data):
            data, at = reader.window(position)
        header = form.parse(data, at)
        if header is None or header.kind != kind:
            break
        if frames and frames % MEAN_OVER == 0:
            marks = (marks[1], position)
            head_size = head_size or position - start
        last = position
        frames += 1
        position += header.size
        at += header.size
    broken = position != size and not _goes_on(reader, form, position)
    end = last if broken else position
    frames -= broken
    counted = max(1, frames - max(0, (frames - 1) // MEAN_OVER * MEAN_OVER - MEAN_OVER))
    tail_size = (end - marks[0]) / counted
    each = head_size / MEAN_OVER if head_size else (end - start) / max(1, frames)
    return Run(
        start, end, frames, first.samples, first.rate,
        each or first.size, tail_size or first.size, broken,
    )  # fmt: skip


def _goes_on(reader: Reader, form: Format, position: int) -> bool:
    """Whether a frame that ends at `position` is followed by a tag or another stream."""
    if position > reader.size:
        return False
    return bool(tag_size(reader.read(position, WINDOW))) or _chained(reader, form, position)


def _after_tags(reader: Reader, position: int) -> int:
    while position < reader.size and (size := tag_size(reader.read(position, WINDOW))):
        position += size
    return position


def _sync(reader: Reader, form: Format, position: int) -> int | None:
    """The first frame at or after `position` that others follow."""
    while position < reader.size:
        data, at = reader.window(position)
        if at + HEADER > len(data) and form.lead is not None:
            return None
        stop = max(at + 1, len(data) - HEADER + 1)
        found = at if form.lead is None else data.find(form.lead, at, stop)
        if found < 0:
            position += max(1, len(data) - HEADER + 1 - at)
            continue
        position += found - at
        if _chained(reader, form, position):
            return position
        position += 1
    return None


def _chained(reader: Reader, form: Format, position: int) -> bool:
    """Whether a chain of headers starts here, or one that the file's end cuts short."""
    kind = None
    for number in range(form.chain):
        if position == reader.size:
            return number > 0
        if position > reader.size:
            return False
        data, at = reader.window(position)
        header = form.parse(data, at)
        if header is None or kind not in (None, header.kind):
            return number > 0 and bool(tag_size(reader.read(position, WINDOW)))
        kind = header.kind
        position += header.size
    return True
