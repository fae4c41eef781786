"""Cleans running text for sinks, and turns it into lines for those that are read line by line."""

from __future__ import annotations

import re

# What a terminal obeys (controls), what has no bytes, and what shows text in another order.
_HOSTILE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r"\U000e0000-\U000e007f]"
)
_SEPARATORS = re.compile(r"[\u2028\u2029]")  # of lines and paragraphs

_ENDS = ".!?…。！？"
_CLOSING = '"”’)]}»'


def clean(text: str) -> str:
    """The text without terminal escapes, overrides of its direction and their like."""
    return _HOSTILE.sub("", _SEPARATORS.sub(" ", text))


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a sentence, in quotation marks or brackets or not."""
    return text.rstrip().rstrip(_CLOSING)[-1:] in tuple(_ENDS)


def as_lines(text: str) -> str:
    """One utterance as a line of its own, without the space that joins it to the last.

    The line before has ended already, so a leading line break is dropped. Blank text gives
    an empty string. Terminal escapes, text direction overrides and their like are removed.
    """
    text = clean(text).strip(" ").removeprefix("\n")
    if not text or text.endswith("\n"):
        return text
    return f"{text}\n"
