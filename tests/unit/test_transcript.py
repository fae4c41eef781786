from __future__ import annotations

import pytest

from parakeet_cli.transcript import Segment, Word, bare_letters, words_of

TIMED = (Word(1.0, 1.5, "two"), Word(1.5, 2.0, "words"))


def test_the_engine_s_words_are_the_segment_s() -> None:
    segment = Segment(1.0, 2.0, "two words", TIMED)
    assert words_of(segment) == TIMED
    assert words_of(segment, split=True) == TIMED


def test_a_segment_without_words_is_one_word_or_its_text_spread_evenly() -> None:
    segment = Segment(1.0, 2.0, "two words", confidence=0.5)
    assert words_of(segment) == (Word(1.0, 2.0, "two words", 0.5),)
    assert words_of(segment, split=True) == (
        Word(1.0, 1.5, "two", 0.5),
        Word(1.5, 2.0, "words", 0.5),
    )


def test_an_empty_text_has_no_words_when_it_is_split() -> None:
    assert words_of(Segment(1.0, 2.0, " "), split=True) == ()


@pytest.mark.parametrize(
    ("word", "letters"),
    [("Don't,", "dont"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("…", "")],
)
def test_a_words_letters_have_no_case_and_no_punctuation(word: str, letters: str) -> None:
    assert bare_letters(word) == letters
