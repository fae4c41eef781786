"""Where utterances begin and end: speech probabilities in, a pure state machine between.

    silence --speech--> speaking --short silence--> pausing --max_silence--> silence
                           ^------------speech---------'

Positions are samples at 16 kHz, counted from the stream's first. Nothing here knows of
time or of sound, only of frames (32 ms) with a probability and a loudness.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.silence import SPEECH_ENDS, SPEECH_STARTS
from parakeet_cli.audio.segment.vad import FRAME

Floats = NDArray[np.float64]

_PRE_ROLL = 32  # frames: 1.02 s before the first frame of speech, for soft beginnings
_MARGIN = 9  # frames: 0.29 s kept behind the last one, for soft ends
_PAUSE = 3  # frames: 0.1 s of silence is worth a decode, should it be the end
# Frames of speech, of the last _WITHIN, that make an utterance: a click makes one or two.
_SPOKEN = 3
_WITHIN = 6
_WORD_GAP = 5  # frames: 0.16 s of silence is a place between two words
_OVERLAP = 94  # frames: 3 s, enough for two or three words on each side of a forced cut


class SpeechState(StrEnum):
    """What the stream is doing."""

    SILENCE = "silence"
    SPEAKING = "speaking"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at `speech`; its sound is taken from `first` on."""

    first: int
    speech: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """It may have ended: all of the utterance so far lies in `first` to `last`."""

    first: int
    last: int
    speech_end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """It had not ended."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """An utterance is whole. `overlap` samples at its end begin the next one as well.

    `goes_on`: it was cut in the midst of speech, because it grew too long.
    """

    first: int
    last: int
    speech: int
    speech_end: int
    goes_on: bool = False
    overlap: int = 0


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | UtteranceEnded


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `max_seconds` is the longest utterance that the engine takes at once."""

    max_silence: float = 0.6
    max_seconds: float = 30.0

    @property
    def silence_frames(self) -> int:
        return max(_PAUSE, round(self.max_silence * SAMPLE_RATE / FRAME))

    @property
    def max_frames(self) -> int:
        return int(self.max_seconds * SAMPLE_RATE / FRAME)


class Endpointer:
    """Feed it every frame in order; it says what changed."""

    def __init__(self, timing: Timing, *, start: int = 0) -> None:
        self._timing = timing
        self._begin(start)

    def _begin(self, start: int) -> None:
        self.state = SpeechState.SILENCE
        self._at = start  # of the next frame
        self._free = start  # nothing before belongs to an utterance to come
        self._recent: list[float] = []  # probabilities, while there is silence
        self._first = self._speech = self._end = start  # of the utterance in hand
        self._silent = 0  # frames since the last speech
        self._speaking = False  # of the frame before, with hysteresis
        self._probability: list[float] = []  # of each frame of the utterance in hand
        self._loudness: list[float] = []
        self._overlap = 0  # frames at its start that the utterance before ends with

    @property
    def needed_from(self) -> int:
        """From where on sound may still be asked for."""
        if self.state is SpeechState.SILENCE:
            return max(self._free, self._at - (_PRE_ROLL + _WITHIN) * FRAME)
        return self._first

    def feed(self, probability: float, loudness: float) -> list[SpeechEvent]:
        """One frame: how likely it is speech, 0..1, and its mean power."""
        self._speaking = probability >= (SPEECH_ENDS if self._speaking else SPEECH_STARTS)
        self._at += FRAME
        if self.state is SpeechState.SILENCE:
            return self._silence(probability, loudness)
        self._probability.append(probability)
        self._loudness.append(loudness)
        changes = self._voice() if self._speaking else self._pause()
        # Nothing is left in hand where it has just ended.
        if len(self._probability) >= self._timing.max_frames:
            changes += self._cut()
        return changes

    def finish(self) -> list[SpeechEvent]:
        """The stream ends or breaks off here: what is in hand is whole."""
        if self.state is SpeechState.SILENCE:
            return []
        return [self._end_at(min(self._at, self._end + _MARGIN * FRAME))]

    def jump(self, at: int) -> None:
        """What follows begins at sample `at`, and not where the last frame ended."""
        self._begin(at)

    def _silence(self, probability: float, loudness: float) -> list[SpeechEvent]:
        self._recent = [*self._recent[-(_WITHIN - 1) :], probability]
        spoken = [at for at, p in enumerate(self._recent) if p >= SPEECH_STARTS]
        if len(spoken) < _SPOKEN or not self._speaking:
            return []
        self.state = SpeechState.SPEAKING
        self._speech = self._at - (len(self._recent) - spoken[0]) * FRAME
        self._first = max(self._free, self._speech - _PRE_ROLL * FRAME)
        self._end, self._silent = self._at, 0
        held = (self._at - self._first) // FRAME
        quiet = [0.0] * max(0, held - len(self._recent))
        self._probability = (quiet + self._recent)[-held:]
        self._loudness = [0.0] * (len(self._probability) - 1) + [loudness]
        return [SpeechStarted(self._first, self._speech)]

    def _voice(self) -> list[SpeechEvent]:
        self._end, self._silent = self._at, 0
        if self.state is SpeechState.PAUSING:
            self.state = SpeechState.SPEAKING
            return [SpeechResumed()]
        return []

    def _pause(self) -> list[SpeechEvent]:
        self._silent += 1
        if self._silent >= self._timing.silence_frames:
            return [self._end_at(min(self._at, self._end + _MARGIN * FRAME))]
        if self._silent == _PAUSE:
            self.state = SpeechState.PAUSING
            return [SpeechPaused(self._first, self._at, self._end)]
        return []

    def _end_at(self, last: int) -> UtteranceEnded:
        ended = UtteranceEnded(self._first, last, self._speech, self._end)
        self.state, self._free, self._recent = SpeechState.SILENCE, last, []
        self._probability, self._loudness, self._overlap = [], [], 0
        return ended

    def _cut(self) -> list[SpeechEvent]:
        """End it in its longest late pause, else at its weakest point with an overlap."""
        probability = np.array(self._probability)
        window = len(probability)
        at = _longest_gap(probability, max(window * 2 // 3, self._overlap + 1))
        keep = 0
        if at is None:
            half = min(_OVERLAP, window // 4) // 2
            earliest = max(window // 2, self._overlap + half)
            at = _weakest(probability, np.array(self._loudness), earliest, window - half) + half
            keep = 2 * half
        last = self._first + at * FRAME
        if self._end <= last:  # the pause that it was cut in goes on: nothing does
            return [self._end_at(last)]
        ended = UtteranceEnded(
            self._first,
            last,
            self._speech,
            min(last, self._end),
            goes_on=True,
            overlap=keep * FRAME,
        )
        self._first = self._speech = last - keep * FRAME
        self._probability = self._probability[at - keep :]
        self._loudness = self._loudness[at - keep :]
        self._overlap = keep
        resumed: list[SpeechEvent] = [SpeechResumed()] if self.state is SpeechState.PAUSING else []
        self.state = SpeechState.SPEAKING
        return [*resumed, ended, SpeechStarted(self._first, self._speech)]


def _longest_gap(probability: Floats, earliest: int) -> int | None:
    """The middle of the longest pause from frame `earliest` on; None where there is none."""
    quiet = np.concatenate(([False], probability[earliest:] < SPEECH_ENDS, [False]))
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts) or (ends - starts).max() < _WORD_GAP:
        return None
    longest = len(starts) - 1 - int(np.argmax((ends - starts)[::-1]))
    return earliest + int(starts[longest] + ends[longest]) // 2


def _weakest(probability: Floats, power: Floats, earliest: int, latest: int) -> int:
    """The frame in [earliest, latest) where speech is least likely and sound quietest."""
    part = power[earliest:latest]
    score = probability[earliest:latest] + part / (part.max() + 1e-12)
    # Three frames, about 0.1 s: a gap between two words rather than one quiet wave.
    return earliest + 1 + int(np.argmin(np.convolve(score, np.ones(3) / 3, mode="valid")))
