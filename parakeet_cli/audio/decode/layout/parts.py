"""Cuts a file into the recordings that it holds one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.audio.decode.layout.base import MISCOUNT, Layout
from parakeet_cli.audio.decode.layout.headers import nut_layout
from parakeet_cli.audio.decode.layout.table import (
    FLV,
    NUT,
    OGG,
    WTV,
    find_recording,
    kind_at,
    read_layout,
)
from parakeet_cli.audio.decode.layout.tail import examine_tail
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.mpeg_headers import tag_size
from parakeet_cli.audio.decode.recover.ogg import end_of_pages, first_pages
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.audio.decode.recover.unreadable import Ranges

# Their headers don't say where the recording ends, and libav reads on into the next one with
# the parameters of the first, or stops.
SEARCHED = frozenset({OGG, FLV, b"#!AMR", NUT, WTV})


APE, APE_HEADER = b"APETAGEX", 32
# libav looks for chunks behind the sound, and takes each eight zeros for one.
MAX_TAGS = 1 << 24  # bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a file: its bytes, and its layout if the header states one.

    `following` is the byte of the file at which another recording begins.
    """

    part: FilePart
    layout: Layout | None = None
    following: int | None = None
    unread: range = range(0)  # bytes of the file behind it that are nothing known

    def until(self, end: int) -> Recording:
        """The recording, if another one begins at the byte `end` of the file."""
        return Recording(replace(self.part, end=end), self.layout, following=end)


def recording_at(path: Path, start: int, unreadable: Ranges = ()) -> Recording:
    """The recording that begins at `start`, up to the next one or to the end of the file."""
    part = FilePart(path, start, path.stat().st_size, unreadable=unreadable)
    part = _behind_tag(part)
    start = part.start
    with part.open() as file:
        reader = Reader(file, part.size)
        layout = read_layout(reader)
        if layout is not None:
            return _laid_out(reader, part, layout)
        kind = kind_at(reader, 0)
        if kind is None or kind.magic not in SEARCHED:
            return Recording(part)
        found = find_recording(reader, max(1, first_pages(reader)), (kind,))
        if found is None and kind.magic == OGG:
            found = _behind_pages(reader)
        ended = Reader(file, reader.size if found is None else found)
        layout = nut_layout(ended) if kind.magic == NUT else None
    if found is None:
        return Recording(part, layout)
    return Recording(replace(part, end=start + found), layout, following=start + found)


def _behind_tag(part: FilePart) -> FilePart:
    """The part behind an APE tag, which libav knows at the end of a file alone."""
    with part.open() as file:
        head = file.read(APE_HEADER)
    size = tag_size(head) if head[:8] == APE else 0
    return replace(part, start=part.start + size) if 0 < size < part.size else part


def _behind_pages(reader: Reader) -> int | None:
    """Where a recording of another kind begins behind the last page of an Ogg file."""
    end = end_of_pages(reader)
    return None if end is None or end == reader.size else examine_tail(reader, end).next_start


def _laid_out(reader: Reader, part: FilePart, layout: Layout) -> Recording:
    """A recording whose layout is known, with what follows it."""
    if layout.refused:
        return Recording(replace(part, patches=layout.patches), layout)
    if layout.end is None or (layout.end >= reader.size - MISCOUNT and not layout.wrapped):
        return Recording(part, layout)
    tail = examine_tail(reader, layout.end)
    if tail.unread and layout.end % 2:  # chunks of an odd size are padded
        tail = min(tail, examine_tail(reader, layout.end + 1), key=lambda one: len(one.unread))
    if layout.likely and (tail.unread or tail.next_start is None):
        return Recording(part)
    following = None if tail.next_start is None else part.start + tail.next_start
    end = part.start + layout.end
    if layout.wrapped:
        patched = replace(part, end=end, patches=layout.patches)
        return Recording(patched, layout, following, tail.unread)
    if layout.patches and len(tail.unread) > MISCOUNT:
        # The header says too little: everything up to the next recording is sound.
        patched = replace(part, end=following or part.end, patches=layout.patches)
        return Recording(patched, Layout(layout.start, None), following)
    if layout.patches and following is None and reader.size - layout.end < MAX_TAGS:
        return Recording(part, layout)  # libav keeps to the size itself, and reads the tags
    return Recording(replace(part, end=end), layout, following, tail.unread)
