"""Text as keys see it: what can be typed, and how many BackSpaces it takes back."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_MARKS = {"Mn", "Me"}  # set on the character before; variation selectors are of them


def typable(text: str) -> str:
    """Composed characters, line breaks and tabs; no other control character.

    An escape or a Ctrl-C that came out of a model must not reach a terminal.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C"
                   or char == _JOINER)  # fmt: skip


def count(text: str) -> int:
    """How many characters a reader sees, which is what editors erase with one BackSpace.

    Marks, joined emoji, skin tones and pairs of regional indicators belong to what is
    before them. An editor that erases less at once leaves a rest, and never takes more.
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
