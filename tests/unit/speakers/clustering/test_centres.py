"""Speakers are counted, within what is asked for, however long the recording is."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.speakers.clustering.centres import centres_of
from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.embeddings import Embeddings, unit
from tests.unit.speakers.voices import invented

ANY = SpeakerCount()


def number(turns: list[int], count: SpeakerCount = ANY) -> int:
    return len(centres(turns, count))


def centres(turns: list[int], count: SpeakerCount = ANY) -> Embeddings:
    voices = invented(turns).narrow
    return centres_of(unit(voices.embeddings - voice_space().telephone), voices.seconds, count)


@pytest.mark.parametrize("speakers", [1, 2, 3, 6, 9])
def test_the_speakers_are_counted(speakers: int) -> None:
    assert number([turn % speakers for turn in range(20 * speakers)]) == speakers


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (SpeakerCount(2, 2), 2),
        (SpeakerCount(5, 5), 5),
        (SpeakerCount(2, 5), 3),
        (SpeakerCount(4, 6), 4),
        (SpeakerCount(1, 2), 2),
    ],
)
def test_the_number_is_within_what_is_asked_for(asked: SpeakerCount, found: int) -> None:
    assert number([turn % 3 for turn in range(60)], asked) == found


def test_more_speakers_than_windows_are_as_many_as_there_are_windows() -> None:
    assert number([0, 1], SpeakerCount(7, 7)) == 2
    assert number([0], SpeakerCount(2, 5)) == 1


def test_who_says_one_word_by_chance_is_no_speaker_unless_the_number_is_given() -> None:
    turns = [turn % 2 for turn in range(40)] + [2]
    assert number(turns) == 2


def test_ten_hours_are_counted_like_an_hour_and_nobody_is_lost() -> None:
    turns = [turn // 40 % 4 for turn in range(36_000)]
    turns[20_000:20_030] = [4] * 30  # who speaks once, for half a minute
    found = centres(turns)
    assert len(found) == 5
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0] * 5, abs=1e-5)
