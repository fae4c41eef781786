"""The costs of breaks, in the order of the broadcasters' guides."""

from __future__ import annotations

import pytest

from parakeet_cli.formats.subtitles.line_breaks import (
    ANYWHERE,
    CLAUSE,
    COMMA,
    CONJUNCTION,
    INSEPARABLE,
    INSIDE_WORD,
    PREPOSITION,
    QUOTE,
    SEGMENT_WORTH,
    SENTENCE,
    BreakCosts,
    ends_sentence,
)
from parakeet_cli.formats.subtitles.tokens import SubtitleToken


def cost(
    left: str,
    right: str,
    language: str | None = "en",
    *,
    pause: float = 0.0,
    opens: bool = False,
    one_word: bool = False,
) -> float:
    """What a break between these two words costs, with a pause of some seconds between them."""
    return BreakCosts(language).cost(
        SubtitleToken(left, 0.0, 1.0, True, 0),
        SubtitleToken(right, 1.0 + pause, 2.0 + pause, True, 0 if one_word else 1, opens),
    )


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("end.", "Then", SENTENCE),
        ("said,", "“Go", QUOTE),
        ("go,”", "he", QUOTE),
        ("walk;", "the", CLAUSE),
        ("walk,", "the", COMMA),
        ("walk", "and", CONJUNCTION),
        ("walk", "through", PREPOSITION),
        ("walk", "slowly", ANYWHERE),
        ("the", "walk", INSEPARABLE),
        ("Mr.", "Elliot", INSEPARABLE),
        ("12", "days", INSEPARABLE),
        ("and", "walk", INSEPARABLE - 1),
        ("through", "town", INSEPARABLE - 1),
        ("John", "Dashwood", INSEPARABLE - 2),
    ],
)
def test_a_break_costs_what_it_does_to_the_reader(left: str, right: str, expected: float) -> None:
    assert cost(left, right) == expected


def test_the_words_of_a_language_are_its_own() -> None:
    assert cost("haus", "und", "de-DE") == CONJUNCTION
    assert cost("haus", "und", "en") == ANYWHERE
    assert cost("walk", "and", None) == ANYWHERE
    assert cost("walk,", "and", "xx") == COMMA


def test_a_pause_lowers_the_cost_but_one_of_articulation_does_not() -> None:
    assert cost("walk", "slowly", pause=0.2) == ANYWHERE
    assert cost("walk", "slowly", pause=0.65) == pytest.approx(ANYWHERE - 2.0)
    assert cost("the", "walk", pause=9.0) == 0.0


def test_the_end_of_a_segment_lowers_the_cost() -> None:
    assert cost("walk", "slowly", opens=True) == ANYWHERE - SEGMENT_WORTH


def test_a_word_is_not_cut_unless_a_mark_is_in_it() -> None:
    assert cost("今", "天", "zh", one_word=True, pause=3.0) == INSIDE_WORD
    assert cost("今天，", "好", "zh", one_word=True) == COMMA


@pytest.mark.parametrize("text", ["end.", "Why?", "wait...", "so!”", "I.", "今天。", "3..."])
def test_a_sentence_ends_here(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["", "”", "Mr.", "J.", "e.g.", "end", "end,", "(Dr."])
def test_no_sentence_ends_here(text: str) -> None:
    assert not ends_sentence(text)
