"""Durations of MPEG audio and ADTS: by the declared number of frames, else by the first frames."""

from __future__ import annotations

from parakeet_cli.audio.decode.probe.samples import flac_seconds
from parakeet_cli.audio.decode.recover.mpeg import declared_total
from parakeet_cli.audio.decode.recover.mpeg_headers import (
    ADTS,
    HEADER_BYTES,
    MPEG,
    FrameFormat,
    tag_size,
)
from parakeet_cli.audio.decode.recover.reader import Reader

MAX_TAGS = 8  # before the sound
TAG_HEAD = 32  # bytes that give a tag's size
DECLARING = 1024  # bytes of a first frame that hold the declared number of frames
FRAMES = 32  # whose mean size stands for that of all


def frames_seconds(reader: Reader) -> float | None:
    """The duration of the stream that begins behind the tags, if one does."""
    position = 0
    for _ in range(MAX_TAGS):
        size = tag_size(reader.read(position, TAG_HEAD))
        if not size:
            break
        position += size
    if reader.read(position, 4) == b"fLaC":
        return flac_seconds(reader, position)
    found = (_seconds(reader, position, one) for one in (MPEG, ADTS))
    return next((seconds for seconds in found if seconds is not None), None)


def _seconds(reader: Reader, start: int, form: FrameFormat) -> float | None:
    """None unless a chain of frames begins there."""
    position, count, first = start, 0, None
    while count < FRAMES and position < reader.size:
        header = form.parse(reader.read(position, HEADER_BYTES), 0)
        if header is None or (first is not None and header.kind != first.kind):
            break
        first = first or header
        count += 1
        position += header.size
    if first is None or count < form.chain:
        return None
    if form is MPEG:
        total = declared_total(reader.read(start, DECLARING))
        if total.frames:
            return (total.frames * first.samples - total.delay - total.padding) / first.rate
    whole = (reader.size - start) / (position - start) * count
    return whole * first.samples / first.rate
