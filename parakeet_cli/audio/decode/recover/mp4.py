"""Putting an MP4 family file right before libav reads it (ISO/IEC 14496-12).

Its index says at which byte each packet lies. Where bytes were cut out of the sound, all
that follows is elsewhere than the index says, and libav finds nothing, not even the index
where that comes last. How many are gone is known: the sound's box says how long it was.
Where they are gone is found by decoding: before the hole packets decode where the index
says, behind it they decode so many bytes earlier. Zeros put into the hole, in memory,
make the file what it was but for the hole.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av import AudioCodecContext, Packet

from parakeet_cli.audio.decode.recover.mp4_boxes import Box, Patched, boxes
from parakeet_cli.audio.decode.recover.mp4_index import rebuilt_index

TOP_LEVEL = frozenset(
    {b"ftyp", b"free", b"skip", b"wide", b"mdat", b"moov", b"udta", b"uuid", b"meta", b"pnot"}
)
INDEX_SEARCH = 1 << 26  # bytes from the end; the index of a hundred hours takes 60 MB
MOST_MISSING = 1 << 26  # bytes that zeros are put in for; more is a file cut off
TRIED = 6  # packets decoded to tell whether they lie where they are looked for


@dataclass(frozen=True, slots=True)
class Layout:
    """Where sound and index lie. `missing` is how many bytes were cut out of the sound."""

    sound: Box
    index_start: int
    missing: int
    size: int


def layout(file: BinaryIO) -> Layout | None:
    """How a file lies whose sound is shorter than its box says; None for any other."""
    size = file.seek(0, io.SEEK_END)
    sound = index = None
    for box in boxes(file, 0, size):
        if box.kind not in TOP_LEVEL:
            break
        if box.kind == b"mdat" and (sound is None or box.end - box.start > 16):
            sound = box
        if box.kind == b"moov":
            index = box
    if sound is None:
        return None
    if index is not None and index.end <= size:  # the index comes first, and is whole
        missing = sound.end - size
        return Layout(sound, index.start, missing, size) if missing > 0 else None
    found = _find_index(file, sound, size)
    if found is None or found >= sound.end:
        return None
    return Layout(sound, found, sound.end - found, size)


def _find_index(file: BinaryIO, sound: Box, size: int) -> int | None:
    """A `moov` that lies where no box before it leads."""
    start = max(sound.data, size - INDEX_SEARCH)
    file.seek(start)
    data = file.read(size - start)
    at = data.rfind(b"moov")
    while at >= 4:
        length = int.from_bytes(data[at - 4 : at], "big")
        if data[at + 8 : at + 12] == b"mvhd" and start + at - 4 + length <= size:
            return start + at - 4
        at = data.rfind(b"moov", 0, at)
    return None


def repaired(path: Path) -> Patched | None:
    """The file as it was but for the hole; None where nothing was cut out of it."""
    with path.open("rb") as file:
        if file.read(8)[4:] not in TOP_LEVEL:
            return None
        if (index := rebuilt_index(file)) is not None:
            start, data = index
            return Patched(path.open("rb"), [(0, start), data])
        found = layout(file)
        if found is None or found.missing > MOST_MISSING:
            return None
        last = min(found.sound.end, found.size)
        if found.index_start > found.sound.start:
            last = found.index_start
        position = _hole(file, found, last)
    if position is None:
        return None
    return _padded(path.open("rb"), position, found)


def _padded(file: BinaryIO, position: int, found: Layout) -> Patched:
    zeros = bytes(found.missing)
    return Patched(file, [(0, position), zeros, (position, found.size)])


def _hole(file: BinaryIO, found: Layout, last: int) -> int | None:
    """The byte from which on packets lie earlier than the index says."""
    padded = _padded(file, last, found)
    try:
        with av.open(padded, metadata_errors="replace") as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            packets = [(one.pos, one.size) for one in stream.index_entries]
            search = _Search(file, packets, found.missing, stream.codec_context)
            return search.hole()
    except av.FFmpegError:
        return None


@dataclass(frozen=True, slots=True)
class _Search:
    """A search for the first packet that does not lie where the index says."""

    file: BinaryIO
    packets: Sequence[tuple[int, int]]
    missing: int
    codec: AudioCodecContext

    def hole(self) -> int | None:
        if len(self.packets) < 4 * TRIED or not self._moved(len(self.packets) - TRIED):
            return None  # cut off at the end, which needs no repair
        low, high = 0, len(self.packets) - TRIED
        while low < high:
            middle = (low + high) // 2
            if self._decodes(middle, TRIED, 0) <= TRIED // 2:
                high = middle
            else:
                low = middle + 1
        # The last packet before the hole is one of those that were tried together.
        for number in range(max(0, low - TRIED), min(low + TRIED, len(self.packets))):
            if not self._decodes(number, 1, 0):
                return self.packets[number][0]
        return self.packets[low][0]

    def _moved(self, number: int) -> bool:
        return self._decodes(number, TRIED, self.missing) > self._decodes(number, TRIED, 0)

    def _decodes(self, number: int, count: int, earlier: int) -> int:
        """How many of `count` packets from `number` on decode, so many bytes earlier."""
        self.codec.flush_buffers()
        good = 0
        for position, size in self.packets[number : number + count]:
            self.file.seek(max(0, position - earlier))
            try:
                self.codec.decode(Packet(self.file.read(size)))
            except (av.FFmpegError, ValueError):
                continue
            good += 1
        return good
