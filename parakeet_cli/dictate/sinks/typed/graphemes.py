"""Finds out which characters can be typed, and how many BackSpaces erase them."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_MARKS = {"Mn", "Me"}  # part of the character before; these include variation selectors


def typable(text: str) -> str:
    """The text in composed characters, without control characters but line breaks and tabs.

    An escape or a Ctrl-C from a model must not reach a terminal.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", text.replace("\u2028", " ").replace("\u2029", " "))
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C"
                   or char == _JOINER)  # fmt: skip


def count(text: str) -> int:
    """How many graphemes the text has: editors erase one with each BackSpace.

    Marks, joined emoji, skin tones and pairs of regional indicators belong to the character
    before them. An editor that erases less at once leaves some text, but never takes more.
    """
    seen = 0
    joined = False
    flag_open = False
    for char in text:
        extends = (
            unicodedata.category(char) in _MARKS
            or char == _JOINER
            or "\U0001f3fb" <= char <= "\U0001f3ff"
        )
        is_indicator = "\U0001f1e6" <= char <= "\U0001f1ff"
        if not (extends or joined or (is_indicator and flag_open)):
            seen += 1
            flag_open = is_indicator
        elif not extends:
            flag_open = False
        joined = char == _JOINER
    return seen
