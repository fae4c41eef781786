"""Detects speech only where it matters to an engine that makes up nothing in silence.

Such an engine needs the detector to find a pause to cut in, and to confirm a silence that could be
left out. Both are quiet, so a block's energy says where to look; everything else counts as speech.
Where no frame is much quieter than the loudest, as in noise, music and talk without a pause, the
whole block is looked at.

What is found in a block depends on nothing but the block and the second before it, so blocks can be
examined in any process and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Block, Samples
from parakeet_cli.audio.segment.frames import FRAME, BlockFrames, TimedFrames
from parakeet_cli.audio.segment.pauses import MIN_PAUSE, SPEECH_ENDS
from parakeet_cli.audio.segment.vad import SpeechDetector

Probabilities = NDArray[np.float32]
Run = tuple[int, int]  # frames: the first one, and the one behind the last

_QUIET = 10**-2.5  # of the loudest frame's power: 25 dB below it
_SILENT = 1e-9  # mean power, with full scale 1: -90 dB, where a ratio says nothing
_PAUSE = 10  # quiet frames: 0.32 s, of which the detector takes some for the end of a word
_LONG = 25  # quiet frames: 0.8 s, which may be part of a silence that is left out
_EDGE = 20  # quiet frames at a block's edge: 0.64 s, of which more than a margin would be left out
_BLOCK = 300  # frames: what is shorter is at an end, and not cut while there is a block before it
_WARM_UP = 31  # frames: a second before, from which the detector knows what it hears
_LEAD = 12  # frames: enough to confirm a silence between loud frames, and for a last frame alone


class Look(NamedTuple):
    """Frames to be examined, shape (n, 512), and what was before them.

    `before` are up to a second of frames, and `peak` is the loudest sample of the block before,
    as far as it still counts.
    """

    frames: Samples
    before: Samples
    peak: float


class Looks:
    """Divides a recording's blocks into looks, each of which can be taken by itself."""

    def __init__(self) -> None:
        self._frames = BlockFrames()
        self._forget()

    def _forget(self) -> None:
        self._before = np.zeros((0, FRAME), np.float32)
        self._peak = 0.0

    def add(self, block: Block) -> list[Look]:
        """The looks at the frames that are whole with this block."""
        return list(self._looks(self._frames.add(block)))

    def finish(self) -> list[Look]:
        """The look at the last frame, if there is one."""
        return list(self._looks(self._frames.finish()))

    def _looks(self, parts: Iterable[TimedFrames]) -> Iterator[Look]:
        for frames, _, jumped in parts:
            if jumped:
                self._forget()
            yield Look(frames, self._before, self._peak)
            if len(frames):
                self._before = np.concatenate((self._before, frames))[-_WARM_UP:]
                self._peak = float(np.abs(frames).max()) / 2  # as ten seconds later


class SparseDetector:
    """Takes looks, in any order."""

    def __init__(self) -> None:
        self._detector = SpeechDetector()

    def __call__(self, look: Look) -> Probabilities:
        """The speech probabilities of the frames, shape (n,); 1 where nobody looked."""
        count = len(look.frames)
        found = np.ones(count, np.float32)
        if not count:
            return found
        runs = places_to_look(np.einsum("ij,ij->i", look.frames, look.frames) / FRAME)
        peak = max(look.peak, float(np.abs(look.frames).max()))
        for run in runs:
            self._examine(look, run, peak, found)
        if count >= _BLOCK and runs != [(0, count)] and not _has_pause(found):
            self._examine(look, (0, count), peak, found)
        return found

    def _examine(self, look: Look, run: Run, peak: float, found: Probabilities) -> None:
        first, last = run
        wanted = _WARM_UP if last - first == len(found) > 1 else _LEAD
        lead = look.frames[max(0, first - wanted) : first]
        missing = wanted - len(lead)
        parts = [lead, look.frames[first:last]]
        if missing and len(look.before):
            parts.insert(0, look.before[-missing:])
        self._detector.reset(peak)
        found[first:last] = self._detector(np.concatenate(parts))[first - last :]


def places_to_look(power: Samples) -> list[Run]:
    """The runs of frames where the detector is needed, from each frame's mean power, shape (n,)."""
    loudest, count = float(power.max()), len(power)
    if loudest < _SILENT:
        return [(0, count)]
    quiet = np.concatenate(([False], power < loudest * _QUIET, [False]))
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    longest = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    if longest[1] - longest[0] < _PAUSE:
        return [(0, count)]
    needed = [longest] if count >= _BLOCK else []
    return [run for run in runs if run in needed or _may_be_dropped(run, count)]


def _may_be_dropped(run: Run, count: int) -> bool:
    first, last = run
    return last - first >= (_EDGE if first == 0 or last == count else _LONG)


def _has_pause(speech: Probabilities) -> bool:
    quiet = np.concatenate(([False], speech < SPEECH_ENDS, [False]))
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    return bool((edges[1::2] - edges[::2] >= MIN_PAUSE).any())


class SparseHelper:
    """Takes a look for another process: a helper of feeders."""

    def __init__(self) -> None:
        self._detector = SparseDetector()

    def __call__(self, samples: Samples, *, before: float, peak: float) -> Probabilities:
        """The probabilities of the frames after the first `before`; samples of shape (n * 512,)."""
        frames, count = samples.reshape(-1, FRAME), int(before)
        return self._detector(Look(frames[count:], frames[:count], peak))


class SparseTrack:
    """The speech probabilities of a recording, block by block: an annotator of feeders."""

    def __init__(self) -> None:
        self._looks = Looks()
        self._detector = SparseDetector()

    def add(self, block: Block) -> Probabilities:
        """The probabilities of the frames that are whole with this block, shape (n,)."""
        return self._joined(self._looks.add(block))

    def skip(self, block: Block) -> None:
        """Take a block that another process looks at."""
        self._looks.add(block)

    def finish(self) -> Probabilities:
        """That of the last frame, if there is one; shape (1,) or (0,)."""
        return self._joined(self._looks.finish())

    def _joined(self, looks: list[Look]) -> Probabilities:
        return np.concatenate([np.zeros(0, np.float32), *map(self._detector, looks)])
