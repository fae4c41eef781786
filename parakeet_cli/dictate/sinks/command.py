"""Runs a shell command for each utterance, with the text on its stdin."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import SinkError, SinkUnavailable

LIMIT = 60.0  # seconds; a command may ask a server


class CommandSink:
    """A shell command that gets one utterance as a line on stdin, in a run of its own.

    Each run is waited for, so that utterances arrive in order. Its output goes to stderr.
    """

    name = "command"

    def __init__(self, command: str) -> None:
        self._command = command

    def open(self) -> str:
        if missing := _missing(self._command):
            raise SinkUnavailable(
                f"--sink command: the program '{missing}' was not found.",
                hint="After the colon comes a shell command, which gets the text on stdin.",
            )
        return f"command, `{self._command}` for each utterance."

    def insert(self, text: str) -> None:
        if line := as_lines(text):
            programs.run(self._command, given=line.encode("utf-8", "replace"), limit=LIMIT)

    def continues(self) -> bool:
        return True

    def undo(self, text: str) -> None:
        raise SinkError("Text that a command was given can't be taken back.")

    def close(self) -> None:
        """Do nothing: no command is still running."""


def _missing(command: str) -> str | None:
    """The program that the command starts with, if the shell can't find it."""
    if sys.platform == "win32":
        return None
    try:
        first = next(iter(shlex.split(command, comments=True)), "")
    except ValueError as error:
        raise SinkUnavailable(f"--sink command:{command}: {error}.") from None
    plain = first.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not plain or shutil.which(first):
        return None
    # It may be a keyword or builtin of the shell, which has no file.
    known = subprocess.run(["sh", "-c", 'command -v "$1"', "sh", first], capture_output=True)
    return first if known.returncode else None
