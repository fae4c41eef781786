"""Collects a dictation on the clipboard."""

from __future__ import annotations

from parakeet_cli.dictate.sinks.lines import clean
from parakeet_cli.dictate.sinks.system_clipboard import Content, SystemClipboard, find_clipboard
from parakeet_cli.errors import SinkError


class ClipboardSink:
    """All utterances of one dictation together, until something else is copied.

    When every utterance is undone, the clipboard's earlier content is restored.
    """

    name = "clipboard"

    def __init__(self, system: SystemClipboard | None = None) -> None:
        self._system = system
        self._texts: list[str] = []
        self._before: Content | None = None

    def open(self) -> str:
        self._system = self._system or find_clipboard()
        return f"clipboard, by {self._system.name}."

    def begin(self) -> None:
        """Start another dictation: its text replaces the last one's."""
        self._texts.clear()

    def insert(self, text: str) -> None:
        system = self._opened()
        there = system.read()
        if not self._texts or there != self._ours():
            self._texts.clear()
            self._before = there
        text = clean(text)
        texts = [*self._texts, text if self._texts else text.lstrip(" ")]
        system.write(Content.of("".join(texts)))
        self._texts = texts

    def continues(self) -> bool:
        return True

    def undo(self, text: str) -> None:
        system = self._opened()
        if not self._texts or system.read() != self._ours():
            raise SinkError("The clipboard holds something else now.")
        left = self._texts[:-1]
        system.write(Content.of("".join(left)) if left else self._before)
        self._texts = left

    def close(self) -> None:
        """Do nothing: the text stays, to be pasted."""

    def _ours(self) -> Content:
        return Content.of("".join(self._texts))

    def _opened(self) -> SystemClipboard:
        if self._system is None:
            raise SinkError("The clipboard is not open.")
        return self._system
