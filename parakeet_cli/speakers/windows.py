"""Divides speech into windows of which each has one voice, if pauses allow it.

Where somebody else begins to speak, there is a pause, most of the time. So windows begin and end
with the speech between two pauses, however short it is, and only longer speech is covered by
windows that overlap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.fbank import Features

FRAME_SECONDS = 0.01  # between two frames of features

_LENGTH = 150  # frames of a window in longer speech
_HOP = 60  # frames between two of them, at most
_SHORTEST = 40  # frames: from shorter speech no voice can be told, so its surroundings join it
_PAUSE = 12  # frames of a pause; the stop of a consonant is shorter
_SOFTER = 4.0  # nepers of power below loud speech, 17 dB, at which it is a pause
_SMOOTH = 5  # frames

Window = tuple[int, int]  # first frame, and the frame behind the last


def windows_of(features: Features) -> list[Window]:
    """The windows of a chunk's features, by their start."""
    count = len(features)
    if count < _SHORTEST:
        return [(0, count)] if count >= _SHORTEST // 2 else []
    return [window for island in _islands(features) for window in _covered(*island, count)]


def _covered(first: int, stop: int, count: int) -> list[Window]:
    """Windows over one island of speech."""
    if stop - first < _SHORTEST:
        first = max(0, min((first + stop - _SHORTEST) // 2, count - _SHORTEST))
        return [(first, first + _SHORTEST)]
    if stop - first <= _LENGTH:
        return [(first, stop)]
    number = 1 + -(-(stop - first - _LENGTH) // _HOP)
    starts = np.linspace(first, stop - _LENGTH, number).round().astype(int)
    return [(int(start), int(start) + _LENGTH) for start in starts]


def _islands(features: Features) -> list[Window]:
    """Where there is speech between two pauses."""
    loudness = np.convolve(features.mean(axis=1), np.ones(_SMOOTH) / _SMOOTH, mode="same")
    loud = loudness > np.percentile(loudness, 90) - _SOFTER
    islands: list[Window] = []
    for first, stop in _runs(loud):
        if islands and first - islands[-1][1] < _PAUSE:
            islands[-1] = (islands[-1][0], stop)
        else:
            islands.append((first, stop))
    return [(first, stop) for first, stop in islands if stop - first >= _SHORTEST // 4]


def _runs(flags: NDArray[np.bool_]) -> list[Window]:
    """Where the flags are set: the first frame of each run, and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]
