"""Defines the interface of a sink."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A place where text goes, one utterance at a time, in spoken order.

    Texts can simply be appended: a space or line break between two utterances is at the
    beginning of the later one. Calls come from one thread at a time. They may take seconds,
    since a sink that types waits until no modifier key is held down.
    """

    @property
    def name(self) -> str:
        """Its name for `--sink`."""
        ...

    def open(self) -> str:
        """Find a way to insert text; returns a line that says which and why.

        Raises SinkUnavailable, with a hint, if there is none.
        """
        ...

    def insert(self, text: str) -> None:
        """Insert all of it. Raises SinkError if any of it may be missing."""
        ...

    def continues(self) -> bool:
        """Whether a text inserted now would follow the last one; True before the first.

        If not, as after a click elsewhere, the earlier insertions can't be undone any more.
        """
        ...

    def undo(self, text: str) -> None:
        """Undo the last insertion, which was `text`. Raises SinkError if it stays.

        The insertion before becomes the last, and can be undone next.
        """
        ...

    def close(self) -> None:
        """Restore everything else that was changed. The sink is not used again."""
        ...
