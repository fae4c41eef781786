"""Each word gets the speaker who is the most probable while it is spoken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.speakers.activity import names_by_activity
from parakeet_cli.transcript import Word

FRAME = 0.08


def spans(count: int) -> NDArray[np.float64]:
    starts = np.arange(count) * FRAME
    return np.stack((starts, starts + FRAME), 1)


def frames(*rows: tuple[int, Sequence[float]]) -> NDArray[np.float32]:
    """So many frames of each kind."""
    return np.array([row for count, row in rows for _ in range(count)], np.float32)


def word(first: int, last: int) -> Word:
    """A word from one frame to another."""
    return Word(first * FRAME, last * FRAME, "word")


def names(words: Sequence[Word], found: NDArray[np.float32], most: int | None = None) -> list[int]:
    made = names_by_activity(words, spans(len(found)), found, most)
    return [int(name.removeprefix("Speaker ")) for name in made]


def test_the_strongest_speaker_has_the_word_also_where_two_speak() -> None:
    found = frames((10, [0.1, 0.9, 0.0]), (10, [0.95, 0.8, 0.0]), (10, [0.0, 0.0, 0.6]))
    assert names([word(0, 9), word(11, 19), word(21, 29)], found) == [1, 2, 3]


def test_a_word_over_two_turns_belongs_to_whoever_has_more_of_it() -> None:
    found = frames((10, [0.9, 0.1]), (20, [0.1, 0.9]))
    assert names([word(0, 3), word(8, 20), word(4, 12)], found) == [1, 2, 1]


def test_nobody_is_made_of_noise() -> None:
    """A speaker who is nowhere likelier than not is nobody: the word is one of the others'."""
    found = frames((10, [0.9, 0.0, 0.0]), (10, [0.05, 0.01, 0.2]), (10, [0.0, 0.9, 0.0]))
    assert names([word(0, 9), word(12, 18), word(21, 29)], found) == [1, 1, 2]


def test_where_nobody_is_likely_the_likeliest_speak() -> None:
    found = frames((10, [0.3, 0.1]), (10, [0.1, 0.2]))
    assert names([word(0, 9), word(11, 19)], found) == [1, 2]


def test_no_more_speakers_are_named_than_there_may_be() -> None:
    found = frames((20, [0.9, 0.1, 0.2]), (3, [0.2, 0.8, 0.7]), (20, [0.0, 0.1, 0.9]))
    said = [word(0, 9), word(10, 19), word(20, 23), word(24, 33), word(34, 42)]
    assert names(said, found) == [1, 1, 2, 3, 3]
    assert names(said, found, 3) == [1, 1, 2, 3, 3]
    assert names(said, found, 2) == [1, 1, 2, 2, 2]  # who says least goes to the next likely
    assert names(said, found, 1) == [1] * 5


def test_a_word_beyond_all_frames_has_the_speaker_of_the_nearest() -> None:
    found = frames((10, [0.9, 0.1]), (10, [0.1, 0.9]))
    assert names([word(0, 5), Word(500.0, 500.3, "late")], found) == [1, 2]


@pytest.mark.parametrize("count", [0, 2])
def test_without_frames_one_speaks(count: int) -> None:
    said = [word(0, 5)] * count
    nothing = np.zeros((0, 1), np.float32)
    assert names_by_activity(said, np.zeros((0, 2)), nothing, None) == ["Speaker 1"] * count
