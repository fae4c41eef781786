from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks.typed.graphemes import count, typable


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", 0),
        ("Größe: 5 €.\n", 12),
        ("e\u0301", 1),
        ("🦜🦜", 2),
        ("👍🏽", 1),
        ("👩‍👩‍👧", 1),
        ("❤️", 1),
        ("🇩🇪🇫🇷", 2),
        ("🇩🇪a🇫🇷", 3),
        ("กำ", 2),
    ],
)
def test_a_backspace_is_counted_for_each_grapheme(text: str, seen: int) -> None:
    assert count(text) == seen


def test_typed_text_is_composed_and_has_no_control_characters() -> None:
    assert typable("e\u0301\r\na\rb\t\x1b[0m\x07\x7f\u200b👩‍👧") == "é\na\nb\t[0m👩‍👧"
