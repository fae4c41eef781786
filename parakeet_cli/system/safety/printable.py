"""Escapes what a terminal obeys, or shows in another order than it is stored."""

from __future__ import annotations

# Spaces other than the ASCII one: Python calls them unprintable, and they do no harm.
_SPACES = "\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
_HARMLESS = frozenset("\n\t" + _SPACES)


def printable(text: str) -> str:
    r"""The text with controls and invisible characters as escapes (`\x1b`, `\u202e`).

    Line breaks and tabs stay. File names, metadata and other programs' messages may contain
    any character.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in _HARMLESS
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def one_line(text: str) -> str:
    """The same with line breaks and tabs as escapes, too: a file name on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")
