"""Drops long silences: speech, the short pauses in it and a margin around it are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples
from parakeet_cli.audio.segment.vad import FRAME

FRAME_SECONDS = FRAME / SAMPLE_RATE

# Silero's own figures: speech begins at 0.5 and ends below 0.35.
SPEECH_STARTS = 0.5
SPEECH_ENDS = 0.35

_MARGIN = 13  # frames kept on each side of speech: 0.4 s, faster-whisper's speech_pad_ms
_LONG_SILENCE = 63  # frames: 2 s, faster-whisper's min_silence_duration_ms


@dataclass(frozen=True, slots=True)
class Kept:
    """Frames of shape (n, 512) with their probabilities, from `start` on the clock."""

    frames: Samples
    speech: NDArray[np.float32]
    start: float
    follows: bool  # false where something between this and the kept before is missing


class Keeper:
    """Speech, the short pauses in it and a margin around it; the rest is dropped."""

    def __init__(self, *, keep_silence: bool) -> None:
        self._keep_silence = keep_silence
        self._begin()

    def _begin(self) -> None:
        self._speaking = False
        self._open = False  # between the first frame of speech and a long silence
        self._silent = 0  # frames since the last speech
        self._held: list[Kept] = []  # frames that only what comes next decides about
        self._kept_end: float | None = None

    def feed(self, frames: Samples, speech: NDArray[np.float32], start: float) -> list[Kept]:
        """What is known to be kept by now, in order."""
        if self._keep_silence:
            return self._keep([Kept(frames, speech, start, True)]) if len(frames) else []
        kept: list[Kept] = []
        for first, last, speaking in self._runs(speech):
            part = Kept(frames[first:last], speech[first:last], start + first * FRAME_SECONDS, True)
            if speaking:
                kept += self._keep([*self._held, part])
                self._held, self._open, self._silent = [], True, 0
            else:
                kept += self._silence(part)
        return kept

    def _runs(self, speech: NDArray[np.float32]) -> Iterator[tuple[int, int, bool]]:
        """Stretches of frames (first, last, speaking), with hysteresis."""
        first = 0
        for at, probability in enumerate(speech.tolist()):
            speaking = probability >= (SPEECH_ENDS if self._speaking else SPEECH_STARTS)
            if speaking != self._speaking:
                if at > first:
                    yield first, at, self._speaking
                first, self._speaking = at, speaking
        if len(speech) > first:
            yield first, len(speech), self._speaking

    def _silence(self, part: Kept) -> list[Kept]:
        self._held.append(part)
        self._silent += len(part.frames)
        if self._open and self._silent < _LONG_SILENCE:
            return []
        kept: list[Kept] = []
        if self._open:
            kept = self._keep(head_of(self._held, _MARGIN))
            self._held = tail_of(self._held, self._silent - _MARGIN)
            self._open = False
        self._held = tail_of(self._held, _MARGIN)
        return kept

    def _keep(self, parts: list[Kept]) -> list[Kept]:
        kept = []
        for part in parts:
            end = self._kept_end
            follows = end is not None and abs(part.start - end) < FRAME_SECONDS / 2
            kept.append(Kept(part.frames, part.speech, part.start, follows))
            self._kept_end = part.start + len(part.frames) * FRAME_SECONDS
        return kept

    def finish(self) -> list[Kept]:
        """What was held back; then start anew."""
        kept = self._keep(head_of(self._held, _MARGIN)) if self._open else []
        self._begin()
        return kept


def head_of(parts: list[Kept], frames: int) -> list[Kept]:
    """The first `frames` frames of the parts."""
    head = []
    for part in parts:
        if frames <= 0:
            break
        head.append(Kept(part.frames[:frames], part.speech[:frames], part.start, part.follows))
        frames -= len(part.frames)
    return head


def tail_of(parts: list[Kept], frames: int) -> list[Kept]:
    """The last `frames` frames of the parts."""
    tail: list[Kept] = []
    for part in reversed(parts):
        if frames <= 0:
            break
        skip = max(0, len(part.frames) - frames)
        tail.insert(
            0,
            Kept(
                part.frames[skip:],
                part.speech[skip:],
                part.start + skip * FRAME_SECONDS,
                part.follows,
            ),
        )
        frames -= len(part.frames)
    return tail
