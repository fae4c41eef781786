from __future__ import annotations

import random

import pytest

from parakeet_cli.engines.nemo.worker.forced.text import Gap, TextToAlign, bare_letters

PIECES = [
    "<unk>",
    "▁s",
    "ix",
    "▁",
    "s",
    "i",
    "x",
    "▁si",
    "'",
    "don",
    "t",
    "▁d",
    "o",
    "n",
    "ou",
    "u",
]
LONG = [f"word{number}" for number in range(5000)]


def text_of(*words: str) -> TextToAlign:
    return TextToAlign(PIECES, words)


def pieces(text: TextToAlign, word: int = 0) -> list[list[str]]:
    return [[PIECES[one] for one in form] for form in text.forms(word)]


def test_a_word_is_written_with_the_pieces_of_the_lowest_ids_and_with_the_longest() -> None:
    assert pieces(text_of("“Six,”")) == [["▁s", "ix"], ["▁si", "x"]]
    assert pieces(text_of("don’t"))[0] == ["▁d", "o", "n", "'", "t"]


@pytest.mark.parametrize("word", ["zebra", "7", "六", "…", "six" * 40])
def test_a_word_that_the_pieces_can_t_write_has_no_form(word: str) -> None:
    assert pieces(text_of(word)) == []


def test_what_lies_between_words_that_both_have_is_a_gap() -> None:
    text = text_of("One", "two,", "three", "four.", "Five")
    assert text.gaps(["one", "to", "three", "four", "five"]) == [Gap((1, 2), (1, 2))]
    assert text.gaps(["one", "three", "four", "five"]) == [Gap((1, 1), (1, 2))]
    assert text.gaps(["one", "two", "uh", "three", "four", "five"]) == []


def test_at_the_ends_of_a_chunk_two_words_more_are_tried_than_were_recognised() -> None:
    text = TextToAlign(PIECES, LONG)
    said = ["x", *LONG[2000:2010], "y", "z"]
    assert text.gaps(said) == [Gap((0, 1), (1997, 2000)), Gap((11, 13), (2010, 2014))]
    assert text.gaps(LONG[:5]) == [Gap((5, 5), (5, 7))]
    assert text.gaps(LONG[-5:]) == [Gap((0, 0), (4993, 4995))]


def test_the_part_of_a_long_text_is_found_though_half_of_the_words_are_others() -> None:
    rng = random.Random(1)
    text = TextToAlign(PIECES, LONG)
    for _ in range(50):
        start = rng.randrange(4900)
        said = [word if rng.random() < 0.5 else "uh" for word in LONG[start : start + 60]]
        for gap in text.gaps(said):
            inside = gap.given[0] >= start - 5 and gap.given[1] <= start + 65
            assert inside, (start, gap)


def test_words_of_another_text_have_no_gaps() -> None:
    text = TextToAlign(PIECES, LONG)
    assert text.gaps(["a", "b", "c"]) == []
    assert text.gaps([]) == []
    assert TextToAlign(PIECES, ["the"] * 5000).gaps(["the"] * 300) == []


def test_a_chunk_without_one_word_of_a_short_text_may_be_all_of_it() -> None:
    assert text_of("six", "six").gaps(["x"]) == [Gap((0, 1), (0, 2))]


def test_letters_alone_are_compared() -> None:
    assert bare_letters("“Ｄon’t!”") == "dont"
