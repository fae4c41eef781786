from __future__ import annotations

import unicodedata

import pytest

from parakeet_cli.dictate.sinks.typed.keymap import Keymap, Stroke, character, keysym

# German: q @, z, ß ?, dead circumflex °, and what is on them with AltGr; as xkeyboard-config
# gives it to the core protocol.
Q, Z, SS, CIRCUMFLEX, RETURN, NOTHING = range(10, 16)
GERMAN = [
    (0x71, 0x51, 0x71, 0x51, 0x40, 0x7D9),
    (0x7A, 0x5A, 0x7A, 0x5A, 0x8FB, 0xA5),
    (0xDF, 0x3F, 0xDF, 0x3F, 0x5C, 0xBF),
    (0xFE52, 0xB0, 0xFE52, 0xB0, 0x1002032, 0x1002033),
    (0xFF0D, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0),
]


@pytest.mark.parametrize(
    ("char", "stroke"),
    [
        ("q", Stroke(Q)),
        ("Q", Stroke(Q, shift=True)),
        ("z", Stroke(Z)),
        ("ß", Stroke(SS)),
        ("?", Stroke(SS, shift=True)),
        ("°", Stroke(CIRCUMFLEX, shift=True)),
        ("\n", Stroke(RETURN)),
        ("^", None),  # the key is dead: it waits for a letter
        ("@", None),  # takes AltGr
        ("\t", None),  # this one has no such key
        ("🦜", None),
    ],
)
def test_a_character_is_typed_by_its_key_with_or_without_shift(
    char: str, stroke: Stroke | None
) -> None:
    assert Keymap(Q, GERMAN).stroke(char) == stroke


def test_spare_keys_are_those_without_keysyms() -> None:
    assert Keymap(Q, GERMAN).spare == [NOTHING]


def test_the_second_group_is_used_while_it_is_active() -> None:
    rows = [(0x71, 0x51, 0x6CA, 0x6EA), (0x31, 0x21, 0, 0)]  # q Q й Й; 1 !
    assert Keymap(10, rows, group=1).stroke("Й") == Stroke(10, shift=True)
    assert Keymap(10, rows, group=1).stroke("q") is None
    assert Keymap(10, rows, group=1).stroke("!") == Stroke(11, shift=True)  # has no second
    assert Keymap(10, rows).stroke("й") is None


def test_a_single_letter_on_a_key_has_its_capital_on_shift() -> None:
    assert Keymap(10, [(0xE9, 0)]).stroke("É") == Stroke(10, shift=True)
    assert Keymap(10, [(0xDF, 0)]).stroke("ß") == Stroke(10)  # whose capital is two letters


def test_a_spare_key_that_was_given_a_character_is_recognized() -> None:
    keymap = Keymap(10, [(keysym("é"), keysym("é"), 0, 0), (0xE9, 0xC9, 0, 0)])
    assert keymap.means(10, "é")
    assert not keymap.means(11, "é")


@pytest.mark.parametrize(
    ("name", "char"),
    [
        (0x61, "a"),
        (0xE9, "é"),
        (0x1B1, "ą"),
        (0x6D6, "ж"),
        (0x7E1, "α"),
        (0xCE0, "א"),
        (0x20AC, "€"),
        (0x10020AC, "€"),
        (0x101F99C, "🦜"),
        (0xFE52, None),
        (0xFF0D, None),
        (0x7F3, None),  # a final sigma, whose place in ISO 8859-7 is another
        (0, None),
    ],
)
def test_keysyms_are_the_characters_of_x11_s_table(name: int, char: str | None) -> None:
    assert character(name) == char


def test_the_keysym_of_any_character_gives_that_character() -> None:
    for code in (*range(0x20, 0x7F), *range(0xA0, 0x3000), 0x4E00, 0xFB01, 0x1F99C):
        if unicodedata.category(chr(code)) not in ("Cn", "Cs"):
            assert character(keysym(chr(code))) == chr(code)
