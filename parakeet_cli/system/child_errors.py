"""Reads from a child's stderr which exception ended it."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO

TRACEBACKS = "parakeet_cli.tracebacks"  # the logger of children's tracebacks, for --debug
_TRACEBACK = "Traceback (most recent call last):"
_BETWEEN = (
    "During handling of the above exception",
    "The above exception was the direct cause",
)
_END = 1 << 16  # bytes of the output that are read: a traceback is at its end


class ErrorOutput:
    """A file without a name that a child has as its stderr."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()

    def read(self) -> str:
        """The end of what was written."""
        size = os.fstat(self.file.fileno()).st_size
        at = max(0, size - _END)
        if hasattr(os, "pread"):
            return os.pread(self.file.fileno(), _END, at).decode(errors="replace")
        # On Windows the child writes where this descriptor stands: at the end again.
        self.file.seek(at)
        end = self.file.read(_END)
        self.file.seek(0, os.SEEK_END)
        return end.decode(errors="replace")

    def close(self) -> None:
        self.file.close()


class TracebackLines:
    """Tells the lines of a traceback from the others that a child prints, one after the other."""

    def __init__(self) -> None:
        self._inside = False

    def has(self, line: str) -> bool:
        """Whether this line, the next, belongs to one; its last line is the exception."""
        if line.startswith((_TRACEBACK, *_BETWEEN)):
            self._inside = line.startswith(_TRACEBACK)
            return True
        if not self._inside:
            return False
        self._inside = not line or line[0].isspace()
        return True


def last_traceback(output: str) -> str:
    """The last traceback in the output, or "" if there is none."""
    start = output.rfind(_TRACEBACK)
    return output[start:].rstrip() if start >= 0 else ""


def exception_of(traceback: str) -> str:
    """The exception that a traceback ends with, in one line: `TypeError: it has no len()`."""
    for line in traceback.splitlines()[1:]:
        if line and not line.startswith(" "):
            return line.strip()
    return ""
