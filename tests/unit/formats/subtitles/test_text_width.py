from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.formats.subtitles.text_width import breakable, clean, graphemes, units, width

FAMILY = "👨‍👩‍👧"
FLAGS = "🇩🇪🇫🇷"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("今天", 4),
        ("ｱ", 1),
        ("Ａ", 2),
        ("\u200b", 0),
    ],
)
def test_a_wide_character_fills_two_columns_and_a_mark_none(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"a{FAMILY}b", ["a", FAMILY, "b"]),
        (FLAGS, ["🇩🇪", "🇫🇷"]),
        ("👋🏽!", ["👋🏽", "!"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("ก็ด", ["ก็", "ด"]),
    ],
)
def test_what_is_shown_as_one_character_stays_together(text: str, found: list[str]) -> None:
    assert graphemes(text) == found


@pytest.mark.parametrize(
    ("left", "right", "allowed"),
    [
        ("今", "天", True),
        ("今", "。", False),  # never begins a line
        ("「", "今", False),  # never ends one
        ("今", "a", True),
        ("a", "b", False),
        ("한", "국", False),  # Korean has spaces
        ("ㄱ", "ㄴ", False),
        ("", "今", False),
        ("今", "", False),
    ],
)
def test_a_line_breaks_only_in_scripts_without_spaces(left: str, right: str, allowed: bool) -> None:
    assert breakable(left, right) is allowed


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("walk", ["walk"]),
        ("naïve", ["naïve"]),
        ("今天。", ["今", "天。"]),
        ("「今天」", ["「今", "天」"]),
        ("GPU を", ["GPU ", "を"]),
    ],
)
def test_a_word_has_its_parts(word: str, parts: list[str]) -> None:
    assert units(word) == parts


@given(st.text())
def test_no_character_of_a_word_is_lost(word: str) -> None:
    assert "".join(units(word)) == word
    assert "".join(graphemes(word)) == word


def test_blanks_become_a_space_and_control_characters_are_removed() -> None:
    assert clean("\tone\r\n\n two\x00\x1b[1m\u3000three ") == "one two[1m three"


@given(st.text())
def test_a_clean_text_is_one_line_and_clean(text: str) -> None:
    line = clean(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert clean(line) == line


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\x9b", "\x7f", "\ud800", "\U000e0041"])
def test_what_would_reorder_or_hide_text_is_removed(char: str) -> None:
    assert clean(f"one{char} two") == "one two"
