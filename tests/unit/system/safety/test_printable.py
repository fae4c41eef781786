from __future__ import annotations

import sys
import unicodedata

import pytest

from parakeet_cli.system.safety.printable import one_line, printable


def test_no_control_or_format_character_stays_but_line_breaks_and_tabs() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    left = [char for char in printable(everything) if unicodedata.category(char)[0] == "C"]
    assert sorted(set(left)) == ["\t", "\n"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb", "a\\rb"),
        ("\N{RIGHT-TO-LEFT ISOLATE}x", "\\u2067x"),
        ("\N{TAG LATIN SMALL LETTER A}", "\\U000e0061"),
        ("\N{LINE SEPARATOR}", "\\u2028"),
        ("\udc9b", "\\udc9b"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["Grüße", "100\N{NO-BREAK SPACE}%", "日本\N{IDEOGRAPHIC SPACE}語"])
def test_letters_and_spaces_of_every_script_stay(text: str) -> None:
    assert printable(text) == text


def test_a_name_is_one_line() -> None:
    assert one_line("a\nb\tc\x00") == "a\\nb\\tc\\x00"
