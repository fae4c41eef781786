"""Mixes and resamples decoded frames to blocks of 16 kHz mono float32 on the source's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import soxr
from av import AudioFrame
from numpy.typing import NDArray

from parakeet_cli.audio.decode.mixing.mixer import Mixer
from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples

PART_SECONDS = 1.0  # of frames, mixed and resampled together

# How each sample format is stored, and its full scale.
# https://ffmpeg.org/doxygen/trunk/samplefmt_8h.html
SAMPLE_FORMATS: dict[str, tuple[type[np.generic], float]] = {
    "u8": (np.uint8, 2.0**7),
    "s16": (np.int16, 2.0**15),
    "s32": (np.int32, 2.0**31),
    "s64": (np.int64, 2.0**63),
    "flt": (np.float32, 1.0),
    "dbl": (np.float64, 1.0),
}


class TimedFrame(NamedTuple):
    """A decoded frame; `start` is None if it continues the one before."""

    frame: AudioFrame
    start: float | None
    reason: str  # of the gap before it, if any


@dataclass(frozen=True, slots=True)
class MonoPart:
    """Mono samples at the source's rate; `start` is None if they continue the part before.

    `reason` is that of the gap before them, and `remark` says how channels were joined that
    cancel.
    """

    samples: Samples
    rate: int
    start: float | None
    reason: str
    remark: str = ""


class SampleLayout(NamedTuple):  # one is made for every frame, and a tuple is the cheapest
    """The layout of a frame's samples, which must not change within one resampler."""

    rate: int
    format: str
    channels: int

    @classmethod
    def of(cls, frame: AudioFrame) -> SampleLayout:
        return cls(frame.sample_rate, frame.format.name, frame.layout.nb_channels)

    @property
    def planar(self) -> bool:
        return self.format.endswith("p")


def mix(frames: Sequence[AudioFrame], layout: SampleLayout, mixer: Mixer) -> Samples:
    """Join frames of one layout to mono float32, shape (n,).

    A stream whose channels change midway may lack the one that is asked for; then its last one
    is taken.
    """
    stored, full_scale = SAMPLE_FORMATS[layout.format.removesuffix("p")]
    last = layout.channels - 1
    wanted = range(last + 1) if mixer.channel is None else [min(mixer.channel, last)]
    channels = _channels(frames, layout, stored, wanted)
    if stored is np.uint8:  # unsigned
        channels = [one.astype(np.int16) - 128 for one in channels]
    total = mixer.join(channels, layout.rate, full_scale)
    # Float files may contain NaN, which a filter spreads.
    if full_scale == 1.0 and not np.isfinite(total.sum()):
        np.nan_to_num(total, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return total


def _channels(
    frames: Sequence[AudioFrame],
    layout: SampleLayout,
    stored: type[np.generic],
    wanted: Iterable[int],
) -> list[NDArray[Any]]:
    """The wanted channels of all the frames in their stored type, each of shape (n,)."""
    # PyAV's planes are buffers, which its stubs don't declare; each look at them makes new ones.
    buffers = [(cast("Sequence[memoryview]", frame.planes), frame.samples) for frame in frames]
    if layout.planar:
        return [
            np.concatenate(
                [np.frombuffer(planes[number], stored, count) for planes, count in buffers]
            )
            for number in wanted
        ]
    step = layout.channels
    joined = np.concatenate(
        [np.frombuffer(planes[0], stored, count * step) for planes, count in buffers]
    )
    return [joined[number::step] for number in wanted]


def mono_parts(frames: Iterable[TimedFrame], mixer: Mixer) -> Iterator[MonoPart]:
    """Join consecutive frames of one layout, a second at a time."""
    layout: SampleLayout | None = None
    pending: list[AudioFrame] = []
    count = 0
    start: float | None = None
    reason = ""
    for frame, at, why in frames:
        now = SampleLayout.of(frame)
        if now != layout or at is not None or count >= now.rate * PART_SECONDS:
            if pending and layout is not None:
                samples = mix(pending, layout, mixer)
                yield MonoPart(samples, layout.rate, start, reason, mixer.remark)
            pending, count, layout, start, reason = [], 0, now, at, why
        pending.append(frame)
        count += frame.samples
    if pending and layout is not None:
        samples = mix(pending, layout, mixer)
        yield MonoPart(samples, layout.rate, start, reason, mixer.remark)


class BlockMaker:
    """Resamples mono parts of any rate to blocks at 16 kHz, each at its place.

    Consecutive parts go through one resampler, so that they join without a click; a jump
    in time or another rate flushes it and starts a new interval. soxr compensates its own
    delay: the n-th sample out of an interval lies n/16000 s after its start.
    """

    def __init__(self, block_seconds: float) -> None:
        self._limit = round(block_seconds * SAMPLE_RATE)
        self._resampler: soxr.ResampleStream | None = None
        self._rate = 0
        self._start = 0.0  # of the current interval
        self._samples_in = 0  # in the current interval
        self._samples_out = 0  # in the current interval
        self._pending: list[Samples] = []
        self._pending_length = 0

    @property
    def end(self) -> float:
        """The place of the next part if nothing is missing, in seconds."""
        return self._start + (self._samples_in / self._rate if self._rate else 0.0)

    def add(self, samples: Samples, rate: int, start: float | None) -> Iterator[Block]:
        """Take one part; `start` is None if it continues the one before."""
        if start is not None or rate != self._rate:
            begin = self.end if start is None else start
            yield from self.finish()
            self._start, self._rate, self._samples_in, self._samples_out = begin, rate, 0, 0
            self._resampler = (
                None
                if rate == SAMPLE_RATE
                else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
            )
        self._samples_in += len(samples)
        yield from self._collect(
            samples if self._resampler is None else self._resampler.resample_chunk(samples)
        )

    def finish(self) -> Iterator[Block]:
        """End the interval: flush the resampler and the pending samples."""
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            wanted = round(self._samples_in * SAMPLE_RATE / self._rate)
            missing = wanted - self._samples_out - self._pending_length
            yield from self._collect(tail[: max(0, missing)])
            self._resampler = None
        yield from self._flush()

    def _collect(self, samples: Samples) -> Iterator[Block]:
        if len(samples):
            self._pending.append(samples)
            self._pending_length += len(samples)
        if self._pending_length >= self._limit:
            yield from self._flush()

    def _flush(self) -> Iterator[Block]:
        if not self._pending_length:
            return
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        samples = np.clip(joined, -1.0, 1.0)  # a filter overshoots full scale
        block = Block(samples, self._start + self._samples_out / SAMPLE_RATE)
        self._samples_out += len(samples)
        self._pending, self._pending_length = [], 0
        yield block
