"""Decoded frames to blocks of 16 kHz mono float32 on the source's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import soxr
from av import AudioFrame
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples

PIECE_SECONDS = 1.0  # of frames, mixed and resampled in one go

# How each sample format is stored, and where its full scale lies.
# https://ffmpeg.org/doxygen/trunk/samplefmt_8h.html
FORMATS: dict[str, tuple[type[np.generic], float]] = {
    "u8": (np.uint8, 2.0**7),
    "s16": (np.int16, 2.0**15),
    "s32": (np.int32, 2.0**31),
    "s64": (np.int64, 2.0**63),
    "flt": (np.float32, 1.0),
    "dbl": (np.float64, 1.0),
}


class Timed(NamedTuple):
    """A decoded frame; `start` is None where it goes on from the one before."""

    frame: AudioFrame
    start: float | None
    reason: str  # of the gap before it, if there is one


@dataclass(frozen=True, slots=True)
class Piece:
    """Mono samples at the source's rate; `start` is None where they go on from before."""

    samples: Samples
    rate: int
    start: float | None
    reason: str


class Shape(NamedTuple):  # one is made for every frame, and a tuple is the cheapest
    """How the samples of a frame lie: what must not change within one resampler."""

    rate: int
    format: str
    channels: int

    @classmethod
    def of(cls, frame: AudioFrame) -> Shape:
        return cls(frame.sample_rate, frame.format.name, frame.layout.nb_channels)

    @property
    def planar(self) -> bool:
        return self.format.endswith("p")


def mono(frames: Sequence[AudioFrame], shape: Shape, channel: int | None) -> Samples:
    """Frames of one shape to mono float32, shape (n,): one channel, or the mean of all.

    Channels are added one by one: `(left + right) / 2` runs sixteen times as fast as
    `mean(axis=1)` over the same samples. A stream whose channels change midway may lack
    the one asked for: then its last one is taken.
    """
    stored, full_scale = FORMATS[shape.format.removesuffix("p")]
    wanted = range(shape.channels) if channel is None else [min(channel, shape.channels - 1)]
    total = np.zeros(sum(frame.samples for frame in frames), np.float32)
    for number in wanted:
        total += np.concatenate([_channel(frame, shape, stored, number) for frame in frames])
    if full_scale != 1.0 or len(wanted) > 1:
        total *= 1 / (full_scale * len(wanted))
    if stored is np.uint8:
        total -= 1.0
    if not np.isfinite(total.sum()):  # float files may hold NaN, which a filter spreads
        np.nan_to_num(total, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return total


def _channel(
    frame: AudioFrame, shape: Shape, stored: type[np.generic], number: int
) -> NDArray[Any]:
    """One channel of one frame as it is stored, shape (n,), without a copy."""
    # PyAV's planes are buffers, which their stubs leave unsaid.
    plane = cast("memoryview", frame.planes[number if shape.planar else 0])
    step = 1 if shape.planar else shape.channels
    values: NDArray[Any] = np.frombuffer(plane, stored, frame.samples * step)
    return values if shape.planar else values[number::step]


def pieces(frames: Iterable[Timed], channel: int | None) -> Iterator[Piece]:
    """Frames of one shape that follow one another, put together a second at a time."""
    shape: Shape | None = None
    held: list[AudioFrame] = []
    count = 0
    start: float | None = None
    reason = ""
    for frame, at, why in frames:
        now = Shape.of(frame)
        if now != shape or at is not None or count >= now.rate * PIECE_SECONDS:
            if held and shape is not None:
                yield Piece(mono(held, shape, channel), shape.rate, start, reason)
            held, count, shape, start, reason = [], 0, now, at, why
        held.append(frame)
        count += frame.samples
    if held and shape is not None:
        yield Piece(mono(held, shape, channel), shape.rate, start, reason)


class Timeline:
    """Mono pieces at any rate in, blocks at 16 kHz out, each where it belongs.

    Pieces that follow one another go through one resampler, so that no seam is heard;
    a jump in time or another rate flushes it and starts anew. soxr takes its own delay
    out: the n-th sample out of a stretch lies at n/16000 s after its start.
    """

    def __init__(self, block_seconds: float) -> None:
        self._limit = round(block_seconds * SAMPLE_RATE)
        self._resampler: soxr.ResampleStream | None = None
        self._rate = 0
        self._start = 0.0  # of the stretch in hand
        self._taken = 0  # samples in, of the stretch in hand
        self._given = 0  # samples out, of the stretch in hand
        self._held: list[Samples] = []
        self._held_length = 0

    @property
    def end(self) -> float:
        """Where the next piece belongs if nothing is missing, in seconds."""
        return self._start + (self._taken / self._rate if self._rate else 0.0)

    def add(self, samples: Samples, rate: int, start: float | None) -> Iterator[Block]:
        """Take one piece; `start` is None where it goes on from the one before."""
        if start is not None or rate != self._rate:
            begin = self.end if start is None else start
            yield from self.finish()
            self._start, self._rate, self._taken, self._given = begin, rate, 0, 0
            self._resampler = (
                None
                if rate == SAMPLE_RATE
                else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
            )
        self._taken += len(samples)
        yield from self._hold(
            samples if self._resampler is None else self._resampler.resample_chunk(samples)
        )

    def finish(self) -> Iterator[Block]:
        """The end of a stretch: what the resampler still holds, and what was held back."""
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            wanted = round(self._taken * SAMPLE_RATE / self._rate)
            yield from self._hold(tail[: max(0, wanted - self._given - self._held_length)])
            self._resampler = None
        yield from self._let_go()

    def _hold(self, samples: Samples) -> Iterator[Block]:
        if len(samples):
            self._held.append(samples)
            self._held_length += len(samples)
        if self._held_length >= self._limit:
            yield from self._let_go()

    def _let_go(self) -> Iterator[Block]:
        if not self._held_length:
            return
        joined = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        samples = np.clip(joined, -1.0, 1.0)  # a filter rings past full scale
        block = Block(samples, self._start + self._given / SAMPLE_RATE)
        self._given += len(samples)
        self._held, self._held_length = [], 0
        yield block
