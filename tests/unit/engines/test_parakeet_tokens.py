from __future__ import annotations

import pytest

from parakeet_cli.engines.parakeet_tokens import Token, tokens_to_words, words_to_segments
from parakeet_cli.transcript import Word


def test_pieces_become_words_at_their_mark() -> None:
    words = tokens_to_words(
        [
            Token("▁th", 0.0, 0.08, 0.9),
            Token("ree", 0.08, 0.24, 0.5),
            Token("▁one", 0.4, 0.56, 0.8),
            Token(".", 0.56, 0.64, 0.7),
        ]
    )
    assert words == [Word(0.0, 0.24, "three", 0.5), Word(0.4, 0.56, "one.", 0.7)]


def test_a_separate_mark_begins_a_word_as_its_first_piece() -> None:
    (word,) = tokens_to_words([Token("▁", 0.72, 0.8, 0.1), Token("one", 0.8, 0.88, 0.9)])
    assert word == Word(0.72, 0.88, "one", 0.9)
    assert tokens_to_words([Token("▁", 0.0, 0.08), Token("▁", 0.1, 0.2)]) == []


@pytest.mark.parametrize("marks", [",", ".", "?!", "…", "。", "”", ")"])
def test_punctuation_after_a_pause_does_not_lengthen_the_word_before_it(marks: str) -> None:
    first = [Token("▁y", 1.0, 1.16), Token("es", 1.16, 1.24)]
    punctuation = [Token(mark, 3.0, 3.08) for mark in marks]
    words = tokens_to_words([*first, *punctuation, Token("▁no", 3.2, 3.4)])
    assert words == [Word(1.0, 1.24, f"yes{marks}"), Word(3.2, 3.4, "no")]


def test_punctuation_within_a_word_and_before_it_leaves_the_word_s_end() -> None:
    (time,) = tokens_to_words([Token("▁3", 1.0, 1.2), Token(".", 1.2, 1.3), Token("5", 1.3, 1.6)])
    assert time == Word(1.0, 1.6, "3.5")
    (quoted,) = tokens_to_words([Token("▁“", 1.0, 1.1), Token("so", 1.2, 1.4)])
    assert quoted == Word(1.0, 1.4, "“so")


def test_a_sign_that_is_spoken_and_punctuation_alone_have_their_own_time() -> None:
    (share,) = tokens_to_words([Token("▁5", 1.0, 1.2), Token("%", 1.3, 1.7)])
    assert share == Word(1.0, 1.7, "5%")
    assert tokens_to_words([Token("▁-", 1.0, 1.1)]) == [Word(1.0, 1.1, "-")]


def test_a_word_with_a_missing_probability_has_no_confidence() -> None:
    (word,) = tokens_to_words([Token("▁a", 0.0, 0.1, 0.9), Token("b", 0.1, 0.2)])
    assert word.confidence is None


def test_a_first_piece_without_a_mark_is_a_word_too() -> None:
    assert [word.text for word in tokens_to_words([Token("ne", 0, 1), Token("▁two", 1, 2)])] == [
        "ne",
        "two",
    ]


def test_a_sentence_is_a_segment() -> None:
    texts = ["So", "it", "is.", "Is", "it?", "Yes"]
    words = [Word(at, at + 0.5, text, 0.5) for at, text in enumerate(texts)]
    segments = words_to_segments(words)
    assert [segment.text for segment in segments] == ["So it is.", "Is it?", "Yes"]
    assert (segments[1].start, segments[1].end) == (3, 4.5)
    assert segments[0].confidence == 0.5
    assert tuple(word for segment in segments for word in segment.words) == tuple(words)


def test_a_pause_ends_a_segment_if_there_are_no_full_stops() -> None:
    words = [Word(0, 0.5, "one"), Word(0.6, 1, "two"), Word(4, 4.5, "three")]
    assert [segment.text for segment in words_to_segments(words)] == ["one two", "three"]
    assert words_to_segments(words)[0].confidence is None


@pytest.mark.parametrize("words", [[], [Word(0, 1, "a")]])
def test_no_words_and_one_word(words: list[Word]) -> None:
    assert len(words_to_segments(words)) == len(words)
