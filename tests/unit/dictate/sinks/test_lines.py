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
