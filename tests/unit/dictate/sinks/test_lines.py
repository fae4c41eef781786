from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks.lines import as_lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Good morning.", "Good morning.\n"),
        (" And good night.", "And good night.\n"),
        ("\nA new line.", "A new line.\n"),
        ("\n\nA new paragraph.", "\nA new paragraph.\n"),
        ("\n", ""),  # the line had ended already
        ("\n\n", "\n"),
        ("  ", ""),
        ("Ended.\n", "Ended.\n"),
    ],
)
def test_each_utterance_is_a_line_and_a_new_paragraph_adds_an_empty_one(
    text: str, line: str
) -> None:
    assert as_lines(text) == line


@pytest.mark.parametrize(
    "char", ["\x1b", "\x07", "\x9b", "\r", "\x7f", "\u202e", "\u2067", "\ud800", "\U000e0041"]
)
def test_no_terminal_escape_or_override_reaches_a_line(char: str) -> None:
    assert as_lines(f" one{char} two\nthree") == "one two\nthree\n"


def test_a_separator_of_lines_becomes_a_space() -> None:
    assert as_lines("one\u2028two") == "one two\n"
