"""Writes each utterance to stdout as a line, for people and for pipes."""

from __future__ import annotations

from parakeet_cli import console
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import OutputError, SinkError


class StdoutSink:
    """One utterance a line, as soon as its text is final."""

    name = "stdout"

    def open(self) -> str:
        return "stdout, one utterance a line."

    def insert(self, text: str) -> None:
        try:
            console.raw_out(as_lines(text))
        except BrokenPipeError as error:
            raise SinkError("The program that read stdout has ended.") from error
        except OutputError as error:
            raise SinkError(str(error)) from error

    def undo(self, text: str) -> None:
        raise SinkError("Text on stdout can't be taken back.")

    def close(self) -> None:
        """Do nothing: nothing is open."""
