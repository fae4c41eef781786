"""Recognizes the text of a decoder that repeats itself."""

from __future__ import annotations

import re

# "bbbbbbbbbbbbbbbb": a few letters many times, or the same again and again.
_STUTTER = re.compile(r"(\w{1,4}?)\1{9,}")


def repeats_itself(text: str) -> bool:
    """Whether two or more words follow themselves, "ten of clubs, ten of clubs", or few letters."""
    if _STUTTER.search(text):
        return True
    words = re.findall(r"\w+", text.lower())
    return any(
        words[at : at + count] == words[at + count : at + 2 * count]
        for count in range(2, len(words) // 2 + 1)
        for at in range(len(words) - 2 * count + 1)
    )
