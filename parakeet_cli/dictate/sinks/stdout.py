"""Standard output, one utterance a line, for people and for pipes."""

from __future__ import annotations

from parakeet_cli import console
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import OutputError, SinkError


class Stdout:
    """What was said, a line each, as soon as it is settled."""

    name = "stdout"

    def open(self) -> str:
        return "stdout, one utterance a line."

    def insert(self, text: str) -> None:
        try:
            console.out(as_lines(text))
        except BrokenPipeError as error:
            raise SinkError("Whoever read stdout has gone.") from error
        except OutputError as error:
            raise SinkError(str(error)) from error

    def undo(self, text: str) -> None:
        raise SinkError("What went to stdout can't be taken back.")

    def close(self) -> None:
        """Nothing is left open."""
