"""Drops long silences and keeps speech, the short pauses in it and a margin around it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Samples
from parakeet_cli.audio.segment.frames import FRAME_SECONDS
from parakeet_cli.audio.segment.pauses import SpeechLimits

_MARGIN = 13  # frames kept on each side of speech: 0.4 s, faster-whisper's speech_pad_ms


@dataclass(frozen=True, slots=True)
class FrameSlice:
    """Frames of shape (n, 512) with their speech probabilities, from `start` on the clock."""

    frames: Samples
    speech: NDArray[np.float32]
    start: float
    follows: bool  # False if frames were dropped between this slice and the previous one


class SilenceFilter:
    """Returns speech, the short pauses in it and a margin around it; drops everything else."""

    def __init__(self, *, keep_silence: bool, limits: SpeechLimits | None = None) -> None:
        self._keep_silence = keep_silence
        limits = limits or SpeechLimits()
        self._starts, self._ends = limits.threshold, limits.ends
        self._long_silence = math.ceil(limits.min_silence / FRAME_SECONDS)  # frames
        self._reset()

    def _reset(self) -> None:
        self._speaking = False
        self._in_speech = False  # between the first frame of speech and a long silence
        self._silent = 0  # frames since the last speech
        self._undecided: list[FrameSlice] = []  # kept or dropped depending on what follows
        self._end: float | None = None  # of the last slice that was returned

    def feed(self, frames: Samples, speech: NDArray[np.float32], start: float) -> list[FrameSlice]:
        """The slices that are certain to be kept by now, in order."""
        if self._keep_silence:
            return self._emit([FrameSlice(frames, speech, start, True)]) if len(frames) else []
        kept: list[FrameSlice] = []
        for first, last, speaking in self._runs(speech):
            part = FrameSlice(
                frames[first:last], speech[first:last], start + first * FRAME_SECONDS, True
            )
            if speaking:
                kept += self._emit([*self._undecided, part])
                self._undecided, self._in_speech, self._silent = [], True, 0
            else:
                kept += self._silence(part)
        return kept

    def _runs(self, speech: NDArray[np.float32]) -> Iterator[tuple[int, int, bool]]:
        """Runs of frames (first, last, speaking), with hysteresis."""
        first = 0
        for at, probability in enumerate(speech.tolist()):
            speaking = probability >= (self._ends if self._speaking else self._starts)
            if speaking != self._speaking:
                if at > first:
                    yield first, at, self._speaking
                first, self._speaking = at, speaking
        if len(speech) > first:
            yield first, len(speech), self._speaking

    def _silence(self, part: FrameSlice) -> list[FrameSlice]:
        self._undecided.append(part)
        self._silent += len(part.frames)
        if self._in_speech and self._silent < self._long_silence:
            return []
        kept: list[FrameSlice] = []
        if self._in_speech:
            kept = self._emit(head_of(self._undecided, _MARGIN))
            self._undecided = tail_of(self._undecided, self._silent - _MARGIN)
            self._in_speech = False
        self._undecided = tail_of(self._undecided, _MARGIN)
        return kept

    def _emit(self, parts: list[FrameSlice]) -> list[FrameSlice]:
        kept = []
        for part in parts:
            end = self._end
            follows = end is not None and abs(part.start - end) < FRAME_SECONDS / 2
            kept.append(FrameSlice(part.frames, part.speech, part.start, follows))
            self._end = part.start + len(part.frames) * FRAME_SECONDS
        return kept

    def finish(self) -> list[FrameSlice]:
        """The last margin, then start over."""
        kept = self._emit(head_of(self._undecided, _MARGIN)) if self._in_speech else []
        self._reset()
        return kept


def head_of(parts: list[FrameSlice], frames: int) -> list[FrameSlice]:
    """The first `frames` frames of the slices."""
    head = []
    for part in parts:
        if frames <= 0:
            break
        head.append(
            FrameSlice(part.frames[:frames], part.speech[:frames], part.start, part.follows)
        )
        frames -= len(part.frames)
    return head


def tail_of(parts: list[FrameSlice], frames: int) -> list[FrameSlice]:
    """The last `frames` frames of the slices."""
    tail: list[FrameSlice] = []
    for part in reversed(parts):
        if frames <= 0:
            break
        skip = max(0, len(part.frames) - frames)
        start = part.start + skip * FRAME_SECONDS
        tail.insert(0, FrameSlice(part.frames[skip:], part.speech[skip:], start, part.follows))
        frames -= len(part.frames)
    return tail
