"""Speech is cut in the middle of its longest pause, else at its weakest point."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.segment.pauses import half_overlap, longest_pause, weakest_frame


def speech(*runs: tuple[int, float]) -> np.ndarray:
    """Runs of (frames, probability) to a probability per frame."""
    return np.concatenate([np.full(count, value) for count, value in runs])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_middle_of_the_longest_pause_is_the_place(dtype: type[np.floating]) -> None:
    found = speech((20, 0.9), (6, 0.1), (20, 0.9), (10, 0.1), (20, 0.9)).astype(dtype)
    assert longest_pause(found, 0) == 51


def test_of_two_pauses_of_one_length_the_later_counts() -> None:
    assert longest_pause(speech((9, 0.9), (6, 0.1), (9, 0.9), (6, 0.1), (9, 0.9)), 0) == 27


def test_a_pause_that_begins_too_early_counts_from_the_earliest_frame_on() -> None:
    found = speech((10, 0.9), (20, 0.1), (10, 0.9))
    assert longest_pause(found, 20) == 25
    assert longest_pause(found, 26) is None


def test_four_quiet_frames_are_not_a_pause() -> None:
    assert longest_pause(speech((10, 0.9), (4, 0.1), (10, 0.9)), 0) is None
    assert longest_pause(speech((10, 0.9), (5, 0.1), (10, 0.9)), 0) == 12


def test_a_pause_at_the_end_counts() -> None:
    assert longest_pause(speech((10, 0.9), (8, 0.1)), 0) == 14


def test_the_weakest_frame_is_unlikely_and_quiet_and_so_are_its_neighbours() -> None:
    probability = speech((10, 0.9), (1, 0.1), (10, 0.9), (3, 0.4), (10, 0.9))
    power = speech((21, 1.0), (3, 0.1), (10, 1.0))
    assert weakest_frame(probability, power) == 22


def test_the_first_and_the_last_frame_are_never_the_weakest() -> None:
    assert weakest_frame(speech((1, 0.0), (8, 0.9), (1, 0.0)), np.ones(10)) in (1, 8)


def test_an_overlap_is_three_seconds_and_at_most_a_quarter_of_the_window() -> None:
    assert 2 * half_overlap(1000) == 94
    assert 2 * half_overlap(100) == 24
