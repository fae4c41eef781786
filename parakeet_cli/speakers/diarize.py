"""Says who spoke each word of a recording, by the voices that were collected from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.clustering.centres import centres_of
from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.collector import CollectedVoices, Voices
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.transcript import Word

_FRAME = 0.02  # seconds
_MOST_FRAMES = 200  # of a word; an engine without times of its own may say that one lasts hours
_SPOKEN = 0.3  # of a window that is in words, of which the times are rough
_AROUND = 0.2  # seconds before and after a word that say something of its speaker, too
_WIDE_SHARE = 0.1  # of a word's score, the rest is by narrow windows; chosen like the thresholds


def names_of(words: Sequence[Word], voices: CollectedVoices, count: SpeakerCount) -> list[str]:
    """The speaker of each word: `Speaker 1` is who speaks first."""
    return numbered(speakers_of(words, voices, count))


def numbered(numbers: Sequence[int]) -> list[str]:
    """A name for each number: `Speaker 1` is the first."""
    order = {number: place for place, number in enumerate(dict.fromkeys(numbers), 1)}
    return [f"Speaker {order[number]}" for number in numbers]


def speakers_of(words: Sequence[Word], voices: CollectedVoices, count: SpeakerCount) -> list[int]:
    """The number of each word's speaker, from 0, in no particular order."""
    narrow, wide = _with_words(voices.narrow, words), _with_words(voices.wide, words)
    if not len(narrow.embeddings) or not len(wide.embeddings):
        return [0] * len(words)
    vectors = np.concatenate((narrow.embeddings, wide.embeddings))
    vectors -= voice_space().common_part(vectors)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    seconds = np.concatenate((narrow.seconds, wide.seconds))
    scores = vectors @ centres_of(vectors, seconds, count).T
    near = _Scores(narrow.spans, scores[: len(narrow.spans)])
    far = _Scores(wide.spans, scores[len(narrow.spans) :])
    return [
        int(
            (
                (1 - _WIDE_SHARE) * near.between(word.start - _AROUND, word.end + _AROUND)
                + _WIDE_SHARE * far.between(word.start - _AROUND, word.end + _AROUND)
            ).argmax()
        )
        for word in words
    ]


def _with_words(voices: Voices, words: Sequence[Word]) -> Voices:
    """The windows in which there are words: silence, noise and music are nobody's voice.

    All of them, if no word is in any.
    """
    ends = np.maximum.accumulate(
        [0.0, *(time for word in words for time in (word.start, word.end))]
    )
    spoken = np.cumsum(np.diff(ends, prepend=0.0) * (np.arange(len(ends)) % 2 == 0))
    until = np.interp(voices.spans, ends, spoken)  # how much is spoken before each start and end
    having = until[:, 1] - until[:, 0] >= _SPOKEN * voices.seconds
    if having.all() or not having.any():
        return voices
    return Voices(voices.spans[having], voices.embeddings[having])


class _Scores:
    """How well each speaker fits each moment: the mean of the windows over it."""

    def __init__(self, spans: NDArray[np.float64], scores: NDArray[np.float32]) -> None:
        self._spans, self._scores = spans, scores.astype(np.float64)
        self._longest = float((spans[:, 1] - spans[:, 0]).max())
        self._middles = spans.mean(axis=1)

    def between(self, start: float, end: float) -> NDArray[np.float64]:
        """The speakers' scores between two times in seconds, shape (speakers,).

        Where no window is, they are those of the nearest.
        """
        end = max(end, start + _FRAME)
        first = int(np.searchsorted(self._spans[:, 0], start - self._longest))
        last = int(np.searchsorted(self._spans[:, 0], end))
        step = max(_FRAME, (end - start) / _MOST_FRAMES)
        times = np.arange(start + step / 2, end, step)
        spans = self._spans[first:last]
        over = (spans[:, :1] <= times) & (times < spans[:, 1:])  # windows by frames
        covering = over.sum(axis=0)
        if not covering.any():
            middle = (start + end) / 2
            nearest: NDArray[np.float64] = self._scores[np.abs(self._middles - middle).argmin()]
            return nearest
        shares = (over / np.maximum(covering, 1)).sum(axis=1) / (covering > 0).sum()
        found: NDArray[np.float64] = shares @ self._scores[first:last]
        return found


def word_scores(
    words: Sequence[Word], spans: NDArray[np.float64], scores: NDArray[np.float32]
) -> NDArray[np.float64]:
    """How well each speaker fits each word, shape (words, speakers).

    `spans` has the start and end in seconds of each window or frame, shape (n, 2), by their
    starts, and `scores` how well each speaker fits it, shape (n, speakers).
    """
    found = _Scores(spans, scores)
    return np.array([found.between(word.start, word.end) for word in words])
