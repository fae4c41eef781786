"""Finds the beginnings and ends of utterances: a pure state machine over speech probabilities.

    silence --speech--> speaking --short silence--> pausing --max_silence--> silence
                           ^------------speech---------'

Positions are samples at 16 kHz, counted from the stream's first. The machine knows neither
time nor samples, only frames (32 ms) with a speech probability and a mean power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.audio.segment.pauses import (
    SPEECH_ENDS,
    SPEECH_STARTS,
    half_overlap,
    longest_pause,
    weakest_frame,
)

_PRE_ROLL = 32  # frames: 1.02 s before the first frame of speech, for soft beginnings
_MARGIN = 9  # frames: 0.29 s kept behind the last one, for soft ends
_PAUSE = 3  # frames: after 0.1 s of silence a decode is worthwhile, in case this is the end
# Frames of speech, of the last _WITHIN, that begin an utterance; a click has one or two.
_SPOKEN = 3
_WITHIN = 6
_SETTLING_PAUSE = 19  # frames: 0.6 s, a pause in which speech that is due to be settled has ended


class SpeechState(StrEnum):
    """The endpointer's state."""

    SILENCE = "silence"
    SPEAKING = "speaking"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at `speech`; the utterance's samples start at `first`.

    `goes_on`: it is the rest of speech that was cut.
    """

    first: int
    speech: int
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The utterance may have ended; so far it spans `first` to `last`."""

    first: int
    last: int
    speech_end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech continues after a pause: the utterance had not ended."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """An utterance is complete.

    If it was cut because it became too long, another begins at once; its first `overlap`
    samples are also the last ones of this utterance.
    """

    first: int
    last: int
    speech: int
    speech_end: int
    overlap: int = 0
    goes_on: bool = False  # another begins at once


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | UtteranceEnded


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds. `max_seconds` is the longest utterance that the engine takes at once.

    After `settle_seconds` of speech without an end, what was said is cut off as an utterance of
    its own: at a pause between words, with an overlap in which the two texts are merged.
    """

    max_silence: float = 0.6
    max_seconds: float = 30.0
    settle_seconds: float = math.inf

    @property
    def silence_frames(self) -> int:
        return max(_PAUSE, round(self.max_silence * SAMPLE_RATE / FRAME))

    @property
    def max_frames(self) -> int:
        return int(self.max_seconds * SAMPLE_RATE / FRAME)

    @property
    def settle_samples(self) -> float:
        return self.settle_seconds * SAMPLE_RATE


class Endpointer:
    """Takes every frame in order and returns the events that it causes."""

    def __init__(self, timing: Timing, *, start: int = 0) -> None:
        self._timing = timing
        self._begin(start)

    def _begin(self, start: int) -> None:
        self.state = SpeechState.SILENCE
        self._at = start  # of the next frame
        self._free = start  # later utterances begin here at the earliest
        self._recent: list[float] = []  # probabilities, while there is silence
        self._first = self._speech = self._end = start  # of the current utterance
        self._silent = 0  # frames since the last speech
        self._speaking = False  # of the frame before, with hysteresis
        self._probability: list[float] = []  # of each frame of the current utterance
        self._power: list[float] = []
        self._overlap = 0  # frames at its start that the previous utterance also contains

    @property
    def needed_from(self) -> int:
        """The first sample that a later event may still refer to."""
        if self.state is SpeechState.SILENCE:
            return max(self._free, self._at - (_PRE_ROLL + _WITHIN) * FRAME)
        return self._first

    def feed(self, probability: float, power: float) -> list[SpeechEvent]:
        """Take one frame: its speech probability, 0..1, and its mean power."""
        self._speaking = probability >= (SPEECH_ENDS if self._speaking else SPEECH_STARTS)
        self._at += FRAME
        if self.state is SpeechState.SILENCE:
            return self._silence(probability, power)
        self._probability.append(probability)
        self._power.append(power)
        events = self._voice() if self._speaking else self._pause()
        # The lists are empty if the utterance has just ended.
        if len(self._probability) >= self._timing.max_frames:
            events += self._cut()
        elif self._probability and self._at - self._speech >= self._timing.settle_samples:
            events += self._settle()
        return events

    def finish(self) -> list[SpeechEvent]:
        """The stream ends or breaks off here, and with it the current utterance."""
        if self.state is SpeechState.SILENCE:
            return []
        return [self._end_at(min(self._at, self._end + _MARGIN * FRAME))]

    def jump(self, at: int) -> None:
        """The next frame begins at sample `at` and doesn't continue the last one."""
        self._begin(at)

    def _silence(self, probability: float, power: float) -> list[SpeechEvent]:
        self._recent = [*self._recent[-(_WITHIN - 1) :], probability]
        spoken = [at for at, p in enumerate(self._recent) if p >= SPEECH_STARTS]
        if len(spoken) < _SPOKEN or not self._speaking:
            return []
        self.state = SpeechState.SPEAKING
        self._speech = self._at - (len(self._recent) - spoken[0]) * FRAME
        self._first = max(self._free, self._speech - _PRE_ROLL * FRAME)
        self._end, self._silent = self._at, 0
        length = (self._at - self._first) // FRAME
        quiet = [0.0] * max(0, length - len(self._recent))
        self._probability = (quiet + self._recent)[-length:]
        self._power = [0.0] * (len(self._probability) - 1) + [power]
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
        self._probability, self._power, self._overlap = [], [], 0
        return ended

    def _cut(self) -> list[SpeechEvent]:
        """End the utterance in its longest late pause, else at its weakest point with an overlap.

        The weakest point is at least half an overlap after the previous overlap, so that
        three utterances never share a frame.
        """
        probability = np.array(self._probability)
        at = longest_pause(probability, max(len(probability) * 2 // 3, self._overlap + 1))
        if at is None:
            return self._cut_at(*self._weakest_point())
        return self._cut_at(at, 0)

    def _settle(self) -> list[SpeechEvent]:
        """End the utterance with an overlap, whose middle is a pause between words if there is one.

        In a pause nothing is cut: speech that goes on shows where the pause ends, and the
        utterance ends by itself where it doesn't.
        """
        if self.state is SpeechState.PAUSING:
            if self._silent < _SETTLING_PAUSE:
                return []
            return [self._end_at(min(self._at, self._end + _MARGIN * FRAME))]
        if not self._speaking:
            return []
        window = len(self._probability)
        half = half_overlap(window)
        probability = np.array(self._probability[: window - half])
        at = longest_pause(probability, max(window // 2, self._overlap + half))
        return self._cut_at(*((at + half, 2 * half) if at is not None else self._weakest_point()))

    def _weakest_point(self) -> tuple[int, int]:
        """Where to cut where there is no pause, and how many frames both utterances share."""
        probability, power = np.array(self._probability), np.array(self._power)
        window = len(probability)
        half = half_overlap(window)
        earliest = max(window // 2, self._overlap + half)
        late = slice(earliest, window - half)
        return earliest + weakest_frame(probability[late], power[late]) + half, 2 * half

    def _cut_at(self, at: int, shared: int) -> list[SpeechEvent]:
        """End the utterance at its frame `at`; the next begins `shared` frames before that."""
        last = self._first + at * FRAME
        if self._end <= last:  # the pause isn't over yet, so no utterance begins
            return [self._end_at(last)]
        ended = UtteranceEnded(
            self._first,
            last,
            self._speech,
            min(last, self._end),
            overlap=shared * FRAME,
            goes_on=True,
        )
        self._first = self._speech = last - shared * FRAME
        self._probability = self._probability[at - shared :]
        self._power = self._power[at - shared :]
        self._overlap = shared
        resumed: list[SpeechEvent] = [SpeechResumed()] if self.state is SpeechState.PAUSING else []
        self.state = SpeechState.SPEAKING
        return [*resumed, ended, SpeechStarted(self._first, self._speech, goes_on=True)]
