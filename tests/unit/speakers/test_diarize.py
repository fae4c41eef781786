"""Each word gets the speaker whose voice is there."""

from __future__ import annotations

import tracemalloc

from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.speakers.diarize import names_of
from parakeet_cli.transcript import Word
from tests.unit.speakers.voices import STEP, invented

ANY = SpeakerCount()


def words(*starts: float) -> list[Word]:
    return [Word(start, start + 0.3, "word") for start in starts]


def test_speakers_are_numbered_by_who_speaks_first() -> None:
    turns = [2] * 10 + [0] * 10 + [2] * 10 + [1] * 10
    said = words(*(10 * STEP * turn + 3 for turn in range(4)))
    assert names_of(said, invented(turns), ANY) == [
        "Speaker 1",
        "Speaker 2",
        "Speaker 1",
        "Speaker 3",
    ]


def test_a_turn_of_one_word_is_given_to_its_speaker() -> None:
    turns = [0] * 10 + [1] * 10 + [0] * 4 + [1] + [0] * 4
    said = words(5, 15, 22, 24.6, 27.5)
    names = names_of(said, invented(turns), ANY)
    assert names[3] == names[1] != names[0]
    assert names[4] == names[2] == names[0]


def test_a_word_between_two_windows_has_the_speaker_of_the_nearest() -> None:
    turns = [0] * 10 + [1] * 10
    names = names_of(words(2, 18, 500, 0), invented(turns), ANY)
    assert names == ["Speaker 1", "Speaker 2", "Speaker 2", "Speaker 1"]


def test_words_without_any_voice_have_one_speaker() -> None:
    assert names_of(words(0, 1), invented([]), ANY) == ["Speaker 1", "Speaker 1"]
    assert names_of([], invented([0, 1]), ANY) == []


def test_what_is_between_the_words_is_nobody() -> None:
    turns = [0] * 20 + [2] * 60 + [1] * 20  # a minute of music between two voices
    said = words(*range(1, 19), *range(82, 99))
    names = names_of(said, invented(turns), SpeakerCount(2, 2))
    assert names == ["Speaker 1"] * 18 + ["Speaker 2"] * 17


def test_words_of_hours_take_no_memory_for_each_of_their_frames() -> None:
    turns = [0] * 6_000 + [1] * 6_000
    middle = 6_000 * STEP
    said = [Word(0, middle, "one"), Word(middle, 2 * middle, "other")]
    voices = invented(turns)
    tracemalloc.start()
    try:
        assert names_of(said, voices, ANY) == ["Speaker 1", "Speaker 2"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300e6, "bytes; a mask of all windows by all frames has 2 GB"
