"""Windows lie in speech, and end where it pauses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from parakeet_cli.speakers.fbank import Features
from parakeet_cli.speakers.windows import NARROW, WIDE, windows_of


def features(*parts: tuple[int, float]) -> Features:
    """So many frames of each loudness."""
    return np.concatenate([np.full((count, 80), level, np.float32) for count, level in parts])


def test_speech_between_two_pauses_is_one_window() -> None:
    windows = windows_of(features((100, -5.0), (30, -15.0), (80, -5.0)), NARROW)
    assert len(windows) == 2
    assert np.allclose(windows, [(0, 100), (130, 210)], atol=3)


def test_a_wide_window_goes_on_beyond_a_short_pause() -> None:
    sound = features((80, -5.0), (30, -15.0), (80, -5.0), (60, -15.0), (80, -5.0))
    assert len(windows_of(sound, NARROW)) == 3
    assert np.allclose(windows_of(sound, WIDE), [(0, 190), (250, 330)], atol=3)


def test_the_stop_of_a_consonant_is_no_pause() -> None:
    assert len(windows_of(features((60, -5.0), (8, -15.0), (60, -5.0)), NARROW)) == 1


def test_longer_speech_is_covered_by_windows_that_overlap() -> None:
    windows = windows_of(features((500, -5.0)), NARROW)
    assert windows[0][0] == 0
    assert windows[-1][1] == 500
    assert all(stop - first == 150 for first, stop in windows)
    assert all(after[0] - before[0] <= 60 for before, after in pairwise(windows))


def test_speech_that_is_too_short_takes_its_surroundings_with_it() -> None:
    windows = windows_of(features((60, -15.0), (20, -5.0), (60, -15.0)), NARROW)
    assert [stop - first for first, stop in windows] == [40]
    assert windows[0][0] <= 60 < 80 <= windows[0][1]


def test_no_window_lies_outside_the_features() -> None:
    for count in (0, 10, 25, 39, 40, 149, 150, 151, 1_000):
        windows = windows_of(features((count, -5.0)), WIDE)
        assert all(0 <= first < stop <= count for first, stop in windows)
        assert bool(windows) == (count >= 20)
