"""What a sink is, for everyone who uses one or writes one."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Where text goes, one utterance at a time, in the order it was said.

    Texts come ready to be put one after the other: a space or a line break that belongs
    between two utterances is at the beginning of the later one. Calls come from one
    thread at a time and may take seconds: keys that are held down are waited for.
    """

    @property
    def name(self) -> str:
        """What `--sink` calls it."""
        ...

    def open(self) -> str:
        """Find a way to insert; one line that says which one and why.

        Raises SinkUnavailable, with a hint, where there is none.
        """
        ...

    def insert(self, text: str) -> None:
        """Insert it, whole; raises SinkError where any of it may be missing."""
        ...

    def undo(self, text: str) -> None:
        """Take back the last insertion, which was `text`; raises SinkError where it stays.

        The one before becomes the last, and can be taken back next.
        """
        ...

    def close(self) -> None:
        """Leave everything else as it was found; the sink is not used again."""
        ...
