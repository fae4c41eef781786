"""Writes text to stdout as lines of a sentence each, for people and for pipes."""

from __future__ import annotations

import sys

from parakeet_cli import console
from parakeet_cli.dictate.sinks.lines import as_lines, clean, ends_sentence
from parakeet_cli.errors import OutputError, SinkError

_UNFINISHED = ",;:-–—“‘([{"  # the sentence goes on behind them
_CLOSING = tuple(".,;:!?…)]}”’»%")  # they belong to what is before them


class StdoutSink:
    """Text as soon as it is final; the line ends with the sentence.

    So a spoken comma is in its line, and what follows a comma, too. Words without any mark are a
    sentence of their own: some engines write none. On a terminal, where the view has the line
    below, each utterance is a line.
    """

    name = "stdout"

    def __init__(self) -> None:
        self._last = ""  # the text whose line isn't ended

    def open(self) -> str:
        return "stdout, one sentence a line."

    def insert(self, text: str, *, joined: bool = False) -> None:
        """`joined`: it is the rest of speech of which the last text is the beginning."""
        cleaned = clean(text)
        goes_on = bool(self._last) and (
            joined or cleaned[:1] in _CLOSING or self._last[-1] in _UNFINISHED
        )
        written = cleaned if goes_on or (self._last and cleaned[:1] == "\n") else as_lines(text)
        if not written.strip(" "):
            return
        if self._last and written is not cleaned:
            written = f"\n{written}"
        if not text.endswith("\n"):
            written = written.removesuffix("\n")
            if ends_sentence(text) or (sys.stdout is not None and sys.stdout.isatty()):
                written += "\n"
        self._write(written)
        self._last = "" if written.endswith("\n") else written

    def continues(self) -> bool:
        return True

    def undo(self, text: str) -> None:
        raise SinkError("Text on stdout can't be taken back.")

    def close(self) -> None:
        """End the line."""
        if self._last:
            self._last = ""
            self._write("\n")

    def _write(self, text: str) -> None:
        try:
            console.raw_out(text)
        except BrokenPipeError as error:
            raise SinkError("The program that read stdout has ended.") from error
        except OutputError as error:
            raise SinkError(str(error)) from error
