"""Finds out from an Ogg file's pages whether it lacks its beginning or its end (RFC 3533)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from parakeet_cli.audio.decode.coverage import NO_END_MARK, DeclaredDuration
from parakeet_cli.audio.decode.recover.reader import Reader

CAPTURE = b"OggS"
TAIL = 1 << 18  # bytes; a page has at most 65,307, so this holds three whole ones
MAX_AHEAD = 48_000 * 60  # granules between two pages
MAX_PAGE = 27 + 255 + 255 * 255  # bytes
FIRST = 2  # the beginning-of-stream flag
LAST = 4  # the end-of-stream flag
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One page's header, at `position` in the bytes read."""

    position: int
    size: int
    flags: int
    granule: int
    serial: int
    sequence: int


def page_at(data: bytes, at: int) -> Page | None:
    """The complete page at `at` with a right checksum, else None."""
    if data[at : at + 4] != CAPTURE or at + 27 > len(data):
        return None
    segments = data[at + 26]
    size = 27 + segments + sum(data[at + 27 : at + 27 + segments])
    page = data[at : at + size]
    if len(page) < size or _checksum(page) != int.from_bytes(page[22:26], "little"):
        return None
    return Page(
        at,
        size,
        page[5],
        int.from_bytes(page[6:14], "little", signed=True),
        int.from_bytes(page[14:18], "little"),
        int.from_bytes(page[18:22], "little"),
    )


@dataclass(frozen=True, slots=True)
class GranuleClock:
    """Converts a stream's granules: `rate` per second, from `skip` on (RFC 7845, 4)."""

    rate: int
    skip: int = 0

    def seconds(self, granule: int) -> float:
        return (granule - self.skip) / self.rate


def granule_clock(head: bytes, rate: int) -> GranuleClock:
    """Opus counts at 48 kHz and excludes its pre-skip; the others count samples."""
    at = head.find(b"OpusHead")
    if at < 0:
        return GranuleClock(rate)
    return GranuleClock(48_000, int.from_bytes(head[at + 10 : at + 12], "little"))


def lacks_first_pages(head: bytes) -> bool:
    """Whether pages are missing between the headers and the first audio.

    Pages are numbered. A stream recorded from a broadcast starts at any granule; if its
    first pages are there it is complete, and its zero is its own start.
    """
    pages = pages_in(head)
    first = next((page for page in pages if page.granule > 0), None)
    if first is None or not pages[0].flags & FIRST:
        return True
    numbers = [page.sequence for page in pages if page.serial == first.serial]
    before = numbers[: numbers.index(first.sequence) + 1]
    return before != list(range(before[0], before[0] + len(before)))


def first_pages(reader: Reader) -> int:
    """The byte after the first pages of all streams, with which a recording begins."""
    position = 0
    while (page := page_at(reader.read(position, MAX_PAGE), 0)) and page.flags & FIRST:
        position += page.size
    return position


def ogg_duration(file: BinaryIO, rate: int, begin: float) -> DeclaredDuration:
    """The duration by the last granule, exact if the last page is marked as the last.

    Otherwise the file was cut off. The missing length isn't recorded anywhere: only that
    of the truncated last page is counted. `begin` is the zero of the timestamps, in
    seconds.
    """
    clock = granule_clock(file.read(TAIL), rate)
    size = file.seek(0, 2)
    file.seek(max(0, size - TAIL))
    data = file.read(TAIL)
    pages = [page for page in pages_in(data) if page.granule > 0]
    if not pages:
        return DeclaredDuration()
    last = pages[-1]
    seconds = clock.seconds(last.granule) - begin
    ends = {page.serial for page in pages if page.flags & LAST}
    # Other streams, such as a video's, may be a little longer.
    if last.serial in ends and last.position + last.size == len(data):
        return DeclaredDuration(seconds, "exact", slack=0.001)
    lengths = [
        after.granule - before.granule
        for before, after in pairwise(pages)
        if after.serial == before.serial and after.granule > before.granule
    ]
    mean = sum(lengths) / len(lengths) if lengths else clock.rate
    until = seconds + (_truncated_granules(data, last) or mean) / clock.rate
    return DeclaredDuration(until, "estimated", reason=NO_END_MARK, known_until=until)


def _truncated_granules(data: bytes, last: Page) -> int:
    """Granules the truncated last page would have added; 0 if no page is truncated."""
    at = data.find(CAPTURE, last.position + last.size)
    if at < 0 or at + 27 > len(data):
        return 0
    granule = int.from_bytes(data[at + 6 : at + 14], "little", signed=True)
    serial = int.from_bytes(data[at + 14 : at + 18], "little")
    # Pages last seconds at most; a larger number is a header that was overwritten.
    ahead = granule - last.granule
    return ahead if serial == last.serial and 0 < ahead < MAX_AHEAD else 0


def pages_in(data: bytes) -> list[Page]:
    found, at = [], data.find(CAPTURE)
    while at >= 0:
        page = page_at(data, at)
        if page is not None:
            found.append(page)
        at = data.find(CAPTURE, at + (page.size if page else 1))
    return found


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's polynomial, with reversed bits and no inversion."""
    plain = page[:22] + bytes(4) + page[26:]
    reflected = zlib.crc32(plain.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(REVERSED), "big")
