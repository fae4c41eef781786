"""Turns running text into lines, for sinks that are read line by line."""

from __future__ import annotations


def as_lines(text: str) -> str:
    """One utterance as a line of its own, without the space that joins it to the last.

    The line before has ended already, so a leading line break is dropped. Blank text gives
    an empty string.
    """
    text = text.strip(" ").removeprefix("\n")
    if not text or text.endswith("\n"):
        return text
    return f"{text}\n"
