"""Gives words to speakers by how probable each speaker is at each moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.diarize import numbered, word_scores
from parakeet_cli.transcript import Word

_SURE = 0.5  # a probability from which somebody is taken to speak


def names_by_activity(
    words: Sequence[Word],
    spans: NDArray[np.float64],
    probabilities: NDArray[np.float32],
    most: int | None,
) -> list[str]:
    """The speaker of each word, whoever is the most probable in it: `Speaker 1` speaks first.

    `spans` has each frame's start and end in seconds, shape (n, 2), by the starts, and
    `probabilities` each speaker's, shape (n, speakers). A speaker is who is likelier than not in
    some word. Of more than `most` those count who have the most words' time.
    """
    if not words or not len(spans):
        return numbered([0] * len(words))
    each = word_scores(words, spans, probabilities)
    likely = each.argmax(axis=1)
    seconds = np.array([word.end - word.start for word in words])
    present = np.unique(likely[each.max(axis=1) >= _SURE])
    if not len(present):
        present = np.unique(likely)
    if most is not None and len(present) > most:
        spoken = np.bincount(_among(each, present), seconds, each.shape[1])
        present = np.sort(present[np.argsort(-spoken[present], kind="stable")][:most])
    return numbered(_among(each, present).tolist())


def _among(scores: NDArray[np.float64], speakers: NDArray[np.intp]) -> NDArray[np.intp]:
    """The best of these speakers for each word, whose scores have the shape (words, all)."""
    best: NDArray[np.intp] = speakers[scores[:, speakers].argmax(axis=1)]
    return best
