"""Each utterance to the stdin of a command of its own, as other tools' hooks get it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import SinkError, SinkUnavailable

LIMIT = 60.0  # seconds; a command may ask a server


class Command:
    """A command for the shell, run once an utterance, with the utterance as a line on stdin.

    It is waited for, so that utterances arrive in order. What it prints goes to stderr.
    """

    name = "command"

    def __init__(self, command: str) -> None:
        self._command = command

    def open(self) -> str:
        if missing := _missing(self._command):
            raise SinkUnavailable(
                f"--sink command: there is no program '{missing}'.",
                hint="What follows the colon is a command for the shell; the text comes on stdin.",
            )
        return f"command, `{self._command}` for each utterance."

    def insert(self, text: str) -> None:
        if line := as_lines(text):
            programs.run(self._command, given=line.encode("utf-8", "replace"), limit=LIMIT)

    def undo(self, text: str) -> None:
        raise SinkError("What a command was given can't be taken back.")

    def close(self) -> None:
        """Nothing is left running."""


def _missing(command: str) -> str | None:
    """The program that the command begins with, if the shell would not find it."""
    if sys.platform == "win32":
        return None
    try:
        first = next(iter(shlex.split(command, comments=True)), "")
    except ValueError as error:
        raise SinkUnavailable(f"--sink command:{command}: {error}.") from None
    plain = first.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not plain or shutil.which(first):
        return None
    # A keyword or a builtin of the shell's, for which there need be no file.
    known = subprocess.run(["sh", "-c", 'command -v "$1"', "sh", first], capture_output=True)
    return first if known.returncode else None
