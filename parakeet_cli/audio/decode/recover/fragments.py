"""Reads fragmented MP4 files: which fragments are intact, and how much sound they should hold.

Streams and recorders write an index without packets (`moov`), and then fragments: a `moof`, which
states the packets of the `mdat` behind it and their time (ISO/IEC 14496-12, 8.8). libav stops at
the first that is damaged. So damage is skipped up to the next `moof`; whatever lies there is
replaced by a box that is ignored, of the same size, so that all positions stay what they are.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from parakeet_cli.audio.decode.recover.boxes import MAX_BOXES, TOP_LEVEL, Box, boxes
from parakeet_cli.audio.decode.recover.file_part import FilePart, PatchedFile
from parakeet_cli.audio.decode.recover.mp4 import MAX_MISSING
from parakeet_cli.audio.decode.recover.reader import Reader

KINDS = TOP_LEVEL | {b"moof", b"sidx", b"ssix", b"styp", b"mfra", b"emsg", b"prft"}
HEADER = 8  # bytes of a box's size and kind
MAX_MOOF = 1 << 24  # bytes
MAX_PAUSE = 86_400  # seconds between two fragments; more is a damaged time

Part = tuple[int, int] | bytes


@dataclass(slots=True)
class Track:
    """A track by its number: its ticks a second, and where its fragments end in ticks."""

    scale: int
    sample_ticks: int  # of a packet for which nothing else is said
    skipped: int = 0  # ticks at the start that an edit list leaves out
    end: int = 0


@dataclass(slots=True)
class Fragments:
    """What was found: the `parts` of the file, patched where it is damaged.

    With `damaged` they differ from the file. `incomplete` says that fragments are missing between
    others, and `cut` that the last one ends with the file before it says how long it is. With
    `lost_start` there is damage before the first one that is intact.
    """

    tracks: Mapping[int, Track]
    parts: list[Part] = field(default_factory=list)
    damaged: bool = False
    incomplete: bool = False
    cut: bool = False
    lost_start: bool = False

    def end_of(self, track: int) -> float | None:
        """Where the sound of a track ends by its last fragment, in seconds."""
        found = self.tracks.get(track)
        if found is None or not found.scale or not found.end:
            return None
        return max(0, found.end - found.skipped) / found.scale

    def patched(self, part: FilePart) -> PatchedFile | None:
        """The file without its damage; None if it has none."""
        return PatchedFile(part.open(), self.parts) if self.damaged else None


def read_fragments(part: FilePart) -> Fragments | None:
    """The fragments of a file of the MP4 family; None if it isn't fragmented."""
    with part.open() as file:
        reader = Reader(file, part.size)
        if reader.read(4, 4) not in KINDS:
            return None
        for box in boxes(file, 0, part.size):
            if box.kind == b"moov" and box.end <= part.size:
                tracks = _tracks(_content(reader, box))
                return _Walk(reader, Fragments(tracks)).result() if tracks else None
            if box.kind not in KINDS:
                return None
    return None


class _Walk:
    """Goes from box to box through a file, and over damage to the next fragment."""

    def __init__(self, reader: Reader, found: Fragments) -> None:
        self._reader = reader
        self._found = found
        self._sequence: list[int] = []  # the number of each fragment, 0 for what is damaged

    def result(self) -> Fragments:
        position, found = 0, self._found
        for _ in range(MAX_BOXES):
            if position >= self._reader.size:
                break
            box = self._box(position)
            position = self._skip(position) if box is None else self._take(box)
        steps = [
            after - before
            for before, after in zip(self._sequence, self._sequence[1:], strict=False)
        ]
        # Some writers don't count fragments, or count otherwise.
        counted = sum(step == 1 for step in steps) * 2 >= len(steps)
        found.incomplete = found.damaged or (counted and any(step > 1 for step in steps))
        return found

    def _box(self, position: int) -> Box | None:
        """The box there; None if there is none that can be read."""
        head = self._reader.read(position, HEADER + 8)
        size, data = int.from_bytes(head[:4], "big"), position + HEADER
        if size == 1:
            size, data = int.from_bytes(head[8:16], "big"), position + 16
        elif size == 0:
            size = self._reader.size - position
        box = Box(head[4:8], position, data, position + size)
        if box.kind not in KINDS or box.end < data:
            return None
        if box.kind == b"moof":
            return box if size <= MAX_MOOF and box.end <= self._reader.size else None
        return box if box.kind == b"mdat" or box.end <= self._reader.size else None

    def _take(self, box: Box) -> int:
        """Take a box as it is, or as much of it as there is; returns where the next one begins."""
        found, size = self._found, self._reader.size
        if box.kind == b"moof" and not self._count(box):
            return self._skip(box.start)
        follows = box.end == size or (box.end < size and self._box(box.end) is not None)
        if box.kind != b"mdat" or follows:
            found.parts.append((box.start, box.end))
            return box.end
        return self._take_broken(box)

    def _count(self, moof: Box) -> bool:
        """Count a fragment and its sound; returns whether it can be read."""
        content = _content(self._reader, moof)
        number = _sequence_number(content)
        sound = self._box(moof.end)
        most = sound.end - sound.data if sound is not None and sound.kind == b"mdat" else None
        if number is None or not _count_packets(content, self._found.tracks, most):
            return False
        self._sequence.append(number)
        return True

    def _take_broken(self, box: Box) -> int:
        """Take an `mdat` that doesn't lead to another box: some of it is missing, or its size."""
        found, size = self._found, self._reader.size
        following = self._next_fragment(box.data)
        if following is None:
            found.cut |= box.end > size
            found.parts.append((box.start, min(box.end, size)))
            return min(box.end, size) if box.end >= size else self._skip(box.end)
        if following >= box.end:
            found.parts.append((box.start, box.end))
            return self._skip(box.end)
        found.damaged = True
        missing = box.end - following
        if missing <= MAX_MISSING and box.end < size:
            found.parts += [(box.start, following), bytes(missing)]
        else:
            found.parts += [_header(b"mdat", following - box.data), (box.data, following)]
        return following

    def _skip(self, position: int) -> int:
        """Leave out what is there up to the next fragment; returns where that begins."""
        found, size = self._found, self._reader.size
        following = self._next_fragment(position + 1)
        end = size if following is None else following
        if following is None:
            found.cut = True
        found.damaged = True
        found.lost_start |= not self._sequence
        if end - position >= HEADER:
            found.parts += [_header(b"free", end - position - HEADER), (position + HEADER, end)]
        return end

    def _next_fragment(self, position: int) -> int | None:
        """Where the next `moof` begins, from `position` on."""
        while (at := self._reader.find(b"moof", position + 4)) is not None:
            position = at - 4
            if self._box(position) is not None and self._reader.read(at + 8, 4) == b"mfhd":
                return position
            position += 1
        return None


def _header(kind: bytes, length: int) -> bytes:
    return struct.pack(">I4s", length + HEADER, kind)


def _content(reader: Reader, box: Box) -> bytes:
    return reader.read(box.data, box.end - box.data)


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each box in another one's content."""
    for box in boxes(io.BytesIO(data), 0, len(data)):
        yield box.kind, data[box.data : box.end]


def _inside(data: bytes, *path: bytes) -> Iterator[bytes]:
    """The contents of all boxes on a path."""
    kind, *rest = path
    for found, content in _children(data):
        if found == kind:
            yield from _inside(content, *rest) if rest else [content]


def _tracks(moov: bytes) -> dict[int, Track]:
    """The tracks of a fragmented file by their numbers; none if it isn't one."""
    defaults = {
        int.from_bytes(trex[4:8], "big"): int.from_bytes(trex[12:16], "big")
        for trex in _inside(moov, b"mvex", b"trex")
    }
    tracks = {}
    for trak in _inside(moov, b"trak"):
        tkhd = next(_inside(trak, b"tkhd"), b"")
        mdhd = next(_inside(trak, b"mdia", b"mdhd"), b"")
        wide = 8 if tkhd[:1] == b"\1" else 0
        number = int.from_bytes(tkhd[12 + wide : 16 + wide], "big")
        wide = 8 if mdhd[:1] == b"\1" else 0
        scale = int.from_bytes(mdhd[12 + wide : 16 + wide], "big")
        if number in defaults:
            edits = next(_inside(trak, b"edts", b"elst"), b"")
            tracks[number] = Track(scale, defaults[number], _skipped_by(edits))
    return tracks


def _skipped_by(edits: bytes) -> int:
    """The media time of the first edit that plays something."""
    wide = edits[:1] == b"\1"
    entry = struct.Struct(">QqI" if wide else ">IiI")
    body = edits[8 : 8 + (len(edits) - 8) // entry.size * entry.size] if len(edits) > 8 else b""
    return next((time for _, time, _ in entry.iter_unpack(body) if time >= 0), 0)


def _sequence_number(moof: bytes) -> int | None:
    """The fragment's number; None if its boxes don't fill it."""
    end = 0
    for box in boxes(io.BytesIO(moof), 0, len(moof)):
        end = box.end
    header = next(_inside(moof, b"mfhd"), b"")
    return int.from_bytes(header[4:8], "big") if end == len(moof) and len(header) == 8 else None


def _count_packets(moof: bytes, tracks: Mapping[int, Track], most: int | None) -> bool:
    """Move the ends of the tracks; returns whether the fragment can be read.

    Its packets have `most` bytes, if that is known.
    """
    ends = []
    stated = 0
    for traf in _inside(moof, b"traf"):
        head = next(_inside(traf, b"tfhd"), b"")
        track = tracks.get(int.from_bytes(head[4:8], "big"))
        if track is None:
            return False
        flags = int.from_bytes(head[1:4], "big")
        at = 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
        ticks = int.from_bytes(head[at : at + 4], "big") if flags & 8 else track.sample_ticks
        base = next(_inside(traf, b"tfdt"), None)
        start = track.end if base is None else int.from_bytes(base[4:], "big")
        runs = [_run(run, ticks) for run in _inside(traf, b"trun")]
        stated += sum(size for _, size in runs)
        end = start + sum(lasting for lasting, _ in runs)
        if end - (track.end or start) > MAX_PAUSE * track.scale:
            return False
        ends.append((track, end))
    if most is not None and stated > most:
        return False
    for track, end in ends:
        track.end = max(track.end, end)
    return True


def _run(run: bytes, sample_ticks: int) -> tuple[int, int]:
    """How long the packets of a `trun` last, and how many bytes it says they have (8.8.8)."""
    flags, count = int.from_bytes(run[1:4], "big"), int.from_bytes(run[4:8], "big")
    fields = flags >> 8 & 15  # duration, size, flags, time: four bytes each
    start = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    width = fields.bit_count()
    body = run[start : start + 4 * width * count]
    if not width or len(body) != 4 * width * count:
        return count * sample_ticks, 0
    values = np.frombuffer(body, ">u4").reshape(count, width)
    ticks = int(values[:, 0].sum()) if fields & 1 else count * sample_ticks
    return ticks, int(values[:, fields & 1].sum()) if fields & 2 else 0
