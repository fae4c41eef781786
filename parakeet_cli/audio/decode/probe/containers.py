"""Durations that containers declare: Ogg, the MP4 family, Matroska and WebM."""

from __future__ import annotations

import struct
from itertools import islice

from parakeet_cli.audio.decode.layout.headers import matroska_layout
from parakeet_cli.audio.decode.recover.boxes import boxes
from parakeet_cli.audio.decode.recover.matroska import declared_seconds
from parakeet_cli.audio.decode.recover.ogg import CAPTURE, MAX_PAGE, granule_clock
from parakeet_cli.audio.decode.recover.reader import Reader

HEAD = 1 << 12  # bytes that hold the headers read here
TAIL = 1 << 13  # bytes that mostly hold the last page of an Ogg file
MAX_BOXES = 64  # side by side, before the one that is searched for
VORBIS = b"\x01vorbis"
LATE = 10.0  # seconds: a stream whose first page ends later was recorded from a broadcast
# By the version of a movie header: its fields of time scale and duration.
MOVIE_HEADERS = {0: struct.Struct(">12xII"), 1: struct.Struct(">20xIQ")}
UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def ogg_seconds(reader: Reader) -> float | None:
    """The last page's granule, of a file with one stream of Opus or Vorbis."""
    head = reader.read(0, HEAD)
    at = head.find(VORBIS)
    rate = int.from_bytes(head[at + 12 : at + 16], "little") if at >= 0 else 0
    if not rate and b"OpusHead" not in head:
        return None
    clock = granule_clock(head, rate)
    last = _last_page(reader, TAIL) or _last_page(reader, MAX_PAGE)
    if last is None or not clock.rate or last[1] != head[14:18]:
        return None
    begin = clock.seconds(_first_granule(head))
    return clock.seconds(last[0]) - (begin if begin > LATE else 0.0)


def _last_page(reader: Reader, length: int) -> tuple[int, bytes] | None:
    """The granule and the serial number of the last page with sound within `length` bytes."""
    tail = reader.read(max(0, reader.size - length), length)
    at = tail.rfind(CAPTURE)
    while at >= 0:
        granule = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)
        if granule > 0 and len(tail) >= at + 27:
            return granule, tail[at + 14 : at + 18]
        at = tail.rfind(CAPTURE, 0, at)
    return None


def _first_granule(head: bytes) -> int:
    """The granule of the first page with sound; 0 if it isn't in these bytes."""
    at = head.find(CAPTURE)
    while at >= 0:
        granule = int.from_bytes(head[at + 6 : at + 14], "little", signed=True)
        if granule > 0:
            return granule
        at = head.find(CAPTURE, at + 4)
    return 0


def mp4_seconds(reader: Reader) -> float | None:
    """The movie header's duration, which a fragmented file leaves open."""
    movie = _box(reader, b"moov", 0, reader.size)
    header = _box(reader, b"mvhd", *movie) if movie else None
    if header is None:
        return None
    body = reader.read(header[0], 32)
    scale, duration = MOVIE_HEADERS[body[0]].unpack_from(body)
    return None if duration in UNKNOWN or not scale else duration / scale


def _box(reader: Reader, kind: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The content of the first box of that kind: its first byte and the one after its last."""
    for box in islice(boxes(reader.file, start, min(end, reader.size)), MAX_BOXES):
        if box.kind == kind:
            return box.data, box.end
    return None


def matroska_seconds(reader: Reader) -> float | None:
    """The Duration element, unless the file was streamed: then it is what was true long before."""
    layout = matroska_layout(reader)
    if layout is None or layout.size is None:
        return None
    return declared_seconds(reader.read(0, HEAD))
