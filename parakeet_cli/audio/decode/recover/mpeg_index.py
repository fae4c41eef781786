"""What an MP3 or ADTS stream held before it was damaged, and where its frames belong.

A hole's length is what its bytes would have held at the size of the frames before it;
where the stream tells its total (Xing, Info and VBRI headers, written by every encoder
that is still in use), the holes share what is missing from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from parakeet_cli.audio.decode.recover.mpeg_frames import (
    ADTS,
    AMR,
    AMR_WIDE,
    MPEG,
    Format,
    Reader,
    Run,
    runs,
)

# What libav calls the formats that have neither an index nor timestamps.
FORMATS: dict[str, tuple[Format, ...]] = {
    "mp3": (MPEG,),
    "aac": (ADTS,),
    "amr": (AMR_WIDE, AMR),
}

DECODER_DELAY = 528 + 1  # samples that any layer III decoder is late by (LAME's tag counts on it)
MOST_RUNS = 100_000  # more than any recording has: it isn't one


@dataclass(frozen=True, slots=True)
class Total:
    """What the stream's own header says: frames in all, and samples to take off."""

    frames: int | None = None
    delay: int = 0  # samples before the sound, the decoder's own left out
    padding: int = 0  # samples after the sound
    tagged: bool = False  # the delay and padding are known


@dataclass(frozen=True, slots=True)
class Survey:
    """The runs of a stream with the second at which each belongs.

    `seconds` is the length of the whole, holes and missing end included; `exact` says
    that the stream's own header counts it.
    """

    runs: tuple[Run, ...]
    starts: tuple[float, ...]
    seconds: float
    exact: bool
    form: Format

    @property
    def whole(self) -> bool:
        """Whether frames follow one another from the first byte to the last."""
        return len({run.rate for run in self.runs}) == 1 and not any(
            run.broken for run in self.runs
        )


def survey(path: Path, container: str) -> Survey | None:
    """Walk the headers of a stream; None where this format has no need of it."""
    with path.open("rb") as file:
        reader = Reader(file, path.stat().st_size)
        form = next(
            (
                one
                for one in FORMATS.get(container, ())
                if reader.read(0, len(one.magic)) == one.magic
            ),
            None,
        )
        if form is None:
            return None
        found: list[Run] = []
        for run in runs(reader, form):
            found.append(run)
            if len(found) > MOST_RUNS:
                return None
        if not found:
            return None
        total = Total()
        if form is MPEG:
            total = _xing(reader.read(found[0].start, 1024))
            if total.frames is not None:  # the frame that says so is silent, and not counted
                found[0] = without_first(found[0], reader)
    return _place(found, total, reader.size, form)


def without_first(run: Run, reader: Reader) -> Run:
    """A run without its first frame."""
    header = MPEG.parse(*reader.window(run.start))
    assert header is not None
    return replace(run, start=run.start + header.size, frames=run.frames - 1)


def _place(found: list[Run], total: Total, size: int, form: Format) -> Survey:
    holes = missing_frames(found, total.frames, size)
    first = found[0]
    position = holes[0] * first.samples_each / first.rate
    if total.tagged:
        position -= (total.delay + DECODER_DELAY) / first.rate
    starts = []
    for run, after in zip(found, holes[1:], strict=True):
        starts.append(position)
        position += (run.frames + after) * run.samples_each / run.rate
    if total.tagged:
        position -= max(0, total.padding - DECODER_DELAY) / found[-1].rate
    return Survey(tuple(found), tuple(starts), position, total.frames is not None, form)


def missing_frames(found: Sequence[Run], total: int | None, size: int) -> list[int]:
    """How many frames are missing before the first run, and after each of them."""
    first, last = found[0], found[-1]
    # Less than a frame before the first is how a recorded broadcast begins.
    holes = [round(first.junk / first.head_size) if first.junk > first.head_size else 0]
    for run, after in pairwise(found):
        bytes_each = (run.tail_size + after.head_size) / 2
        holes.append(max(1, round(after.junk / bytes_each)) if run.broken else 0)
    holes.append(max(1, round((size - last.end) / last.tail_size)) if last.broken else 0)
    if total is None:
        return holes
    return _reconciled(holes, max(0, total - sum(run.frames for run in found)))


def _reconciled(holes: list[int], missing: int) -> list[int]:
    """Estimates made to add up to what is known to be missing."""
    guessed = sum(holes)
    if guessed > missing:
        scaled = [hole * missing // guessed for hole in holes]
        scaled[holes.index(max(holes))] += missing - sum(scaled)
        return scaled
    rest = missing - guessed
    places = [number for number, hole in enumerate(holes) if hole]
    if holes[-1] or not places:
        holes[-1] += rest  # the end is torn off
        return holes
    for number in places:  # bytes were cut out, nobody knows how many from where
        holes[number] += rest // len(places)
    holes[places[0]] += rest % len(places)
    return holes


def _xing(frame: bytes) -> Total:
    """The Xing or Info header (with LAME's part) or the VBRI header of a first frame."""
    stereo, first = frame[3] >> 6 != 3, frame[1] >> 3 & 3 == 3
    at = 4 + ((32 if stereo else 17) if first else (17 if stereo else 9))
    if frame[at : at + 4] in (b"Xing", b"Info"):
        if not frame[at + 7] & 1:  # no count of frames
            return Total()
        frames = int.from_bytes(frame[at + 8 : at + 12], "big")
        tag = frame[at + 120 : at + 129]
        trims = int.from_bytes(frame[at + 141 : at + 144], "big")
        tagged = tag[:4] in (b"LAME", b"Lavf", b"Lavc", b"L3.9")
        return Total(frames, trims >> 12, trims & 0xFFF, tagged) if tagged else Total(frames)
    if frame[36:40] == b"VBRI":
        return Total(int.from_bytes(frame[50:54], "big"))
    return Total()
