"""Running text as lines, for what is read line by line."""

from __future__ import annotations


def as_lines(text: str) -> str:
    """One utterance as a line of its own, whatever would have joined it to the one before.

    The line before has already ended: of an utterance that is line breaks alone, one is
    already there. Text that is nothing else is nothing.
    """
    text = text.strip(" ").removeprefix("\n")
    if not text or text.endswith("\n"):
        return text
    return f"{text}\n"
