"""Measures text in columns, and finds where its script allows a line break."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

ZERO_WIDTH_JOINER = "\u200d"
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)

# Scripts without spaces: a line can break between any two of their letters.
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # Han radicals, kana, Han
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF00, 0xFFEF),  # full- and half-width forms
    (0x20000, 0x3FFFF),  # rarer Han
)
KOREAN = (0x3130, 0x318F)  # jamo: in the Han range above, but Korean uses spaces

# Overrides, embeddings and isolates of text direction, and the invisible copies of ASCII.
REORDERING_AND_TAGS = ((0x202A, 0x202E), (0x2066, 0x2069), (0xE0000, 0xE007F))

# East Asian line breaking (JIS X 4051): characters that may not begin, or not end, a line.
NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝」』】〉》〕〗”’ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
    ",.!?:;)]}…‥～ฯๆ"
)
NOT_LAST = frozenset("（［｛「『【〈《〔〖“‘([{")


@lru_cache(maxsize=4096)
def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def width(text: str) -> int:
    """The columns that `text` fills: 2 for a wide character, 0 for a combining mark."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


@lru_cache(maxsize=4096)
def unspaced(char: str) -> bool:
    """Whether the script of `char` has no spaces between words."""
    code = ord(char)
    if KOREAN[0] <= code <= KOREAN[1]:
        return False
    return any(low <= code <= high for low, high in UNSPACED)


def graphemes(text: str) -> list[str]:
    """The text in graphemes: letters with their marks, joined emoji."""
    found: list[str] = []
    joining = False
    flags = 0
    for char in text:
        code = ord(char)
        is_flag = code in FLAG_LETTERS
        mark = unicodedata.category(char) in ("Mn", "Me", "Mc") or char == ZERO_WIDTH_JOINER
        if found and (joining or mark or code in SKIN_TONES or (is_flag and flags % 2)):
            found[-1] += char
        else:
            found.append(char)
        joining = char == ZERO_WIDTH_JOINER
        flags = flags + 1 if is_flag else 0
    return found


def breakable(left: str, right: str) -> bool:
    """Whether a line can end between two texts without a space between them."""
    if not left or not right or right[0] in NOT_FIRST or left[-1] in NOT_LAST:
        return False
    return unspaced(left[-1]) or unspaced(right[0])


def units(word: str) -> list[str]:
    """The parts of a word between which a line can break; only one in most scripts."""
    if word.isascii() or not any(map(unspaced, word)):
        return [word]
    parts: list[str] = []
    for grapheme in graphemes(word):
        if parts and not breakable(parts[-1], grapheme):
            parts[-1] += grapheme
        else:
            parts.append(grapheme)
    return parts


@lru_cache(maxsize=4096)
def _hostile(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs") or any(
        low <= ord(char) <= high for low, high in REORDERING_AND_TAGS
    )


def clean(text: str) -> str:
    """The text as one line: runs of blanks become a space, hostile characters are removed.

    These are control characters, halves of a character, the overrides and isolates that show
    text in another order, and invisible tags; what writing needs, such as joiners, stays.
    """
    line = " ".join(text.split())
    if line.isprintable():
        return line
    without_controls = "".join(char for char in line if not _hostile(char))
    return " ".join(without_controls.split())
