"""Says who spoke each word of a recording, by the voices that were collected from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.clustering import centres_of
from parakeet_cli.speakers.collector import Voices
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.embeddings import Embeddings, unit
from parakeet_cli.transcript import Word

_COHORT = Path(__file__).parent / "data" / "cohort_mean.npy"
_FRAME = 0.02  # seconds


def names_of(words: Sequence[Word], voices: Voices, count: SpeakerCount) -> list[str]:
    """The speaker of each word: `Speaker 1` is who speaks first."""
    numbers = speakers_of(words, voices, count)
    order = {number: place for place, number in enumerate(dict.fromkeys(numbers), 1)}
    return [f"Speaker {order[number]}" for number in numbers]


def speakers_of(words: Sequence[Word], voices: Voices, count: SpeakerCount) -> list[int]:
    """The number of each word's speaker, from 0, in no particular order."""
    if not words:
        return []
    if not len(voices.embeddings):
        return [0] * len(words)
    centres = centres_of(voices, cohort_mean(), count)
    scores = unit(voices.embeddings - cohort_mean()) @ centres.T
    frames = _FrameScores(voices.spans, scores)
    return [frames.best(word.start, word.end) for word in words]


@cache
def cohort_mean() -> Embeddings:
    """The mean embedding of other voices, shape (192,): what all voices have in common."""
    mean: Embeddings = np.load(_COHORT, allow_pickle=False).astype(np.float32)
    return mean


class _FrameScores:
    """How well each speaker fits each moment: the mean of the windows over it."""

    def __init__(self, spans: NDArray[np.float64], scores: NDArray[np.float32]) -> None:
        self._spans, self._scores = spans, scores
        self._starts = spans[:, 0]
        self._longest = float((spans[:, 1] - spans[:, 0]).max())
        self._middles = spans.mean(axis=1)

    def best(self, start: float, end: float) -> int:
        """The speaker between two times, in seconds; where no window is, that of the nearest."""
        end = max(end, start + _FRAME)
        first = int(np.searchsorted(self._starts, start - self._longest))
        last = int(np.searchsorted(self._starts, end))
        times = np.arange(start + _FRAME / 2, end, _FRAME)
        spans = self._spans[first:last]
        over = (spans[:, :1] <= times) & (times < spans[:, 1:])  # windows by frames
        covered = over.sum(axis=0)
        if not covered.any():
            middle = (start + end) / 2
            return int(self._scores[int(np.abs(self._middles - middle).argmin())].argmax())
        shares = over[:, covered > 0] / covered[covered > 0]
        found: int = int((shares.sum(axis=1) @ self._scores[first:last]).argmax())
        return found
