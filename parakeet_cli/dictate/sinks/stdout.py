"""Writes text to stdout as lines of a sentence each, for people and for pipes."""

from __future__ import annotations

import sys

from parakeet_cli import console
from parakeet_cli.dictate.sinks.lines import as_lines, clean, ends_sentence
from parakeet_cli.errors import OutputError, SinkError


class StdoutSink:
    """Text as soon as it is final; the line ends with the sentence.

    So a spoken comma, or the end of a sentence that was begun before a pause, is in its line. On
    a terminal, where the view has the line below, each utterance is a line.
    """

    name = "stdout"

    def __init__(self) -> None:
        self._in_line = False

    def open(self) -> str:
        return "stdout, one sentence a line."

    def insert(self, text: str) -> None:
        lines = clean(text) if self._in_line else as_lines(text)
        if not lines:
            return
        if not ends_sentence(text) and not sys.stdout.isatty():
            lines = lines.removesuffix("\n") if not text.endswith("\n") else lines
        elif not lines.endswith("\n"):
            lines += "\n"
        self._write(lines)
        self._in_line = not lines.endswith("\n")

    def continues(self) -> bool:
        return True

    def undo(self, text: str) -> None:
        raise SinkError("Text on stdout can't be taken back.")

    def close(self) -> None:
        """End the line."""
        if self._in_line:
            self._in_line = False
            self._write("\n")

    def _write(self, text: str) -> None:
        try:
            console.raw_out(text)
        except BrokenPipeError as error:
            raise SinkError("The program that read stdout has ended.") from error
        except OutputError as error:
            raise SinkError(str(error)) from error
