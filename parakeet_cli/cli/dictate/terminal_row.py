"""Draws one line at the bottom of a terminal again and again, and leaves nothing of it behind."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_ERASE_BELOW = "\x1b[J"  # from the cursor to the end of the screen (ECMA-48, ED)
# DECAWM: a line drawn just when the terminal became narrower must not go on in the next row.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class TerminalRow:
    """A line that the cursor waits in front of.

    A terminal that becomes narrower may break the line into several rows. The cursor stays at its
    first character then, so that erasing what is below it erases all of them. For any number of
    threads.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = RLock()
        self._shown = False

    def start(self) -> None:
        """Begin to show it."""
        with self._lock:
            self._shown = True
            self._write(_HIDE_CURSOR)

    def stop(self) -> None:
        """Erase it, and draw it no more until the next `start`."""
        with self._lock:
            self._shown = False
            self._write(_ERASE_BELOW + _SHOW_CURSOR)

    def draw(self, line: Text) -> None:
        """Show this line instead of the last one; does nothing while it is stopped."""
        with self._lock:
            if not self._shown:
                return
            with self._console.capture() as drawn:
                width = max(1, self._console.width - 1)
                self._console.print(line, end="", width=width, no_wrap=True, overflow="ellipsis")
            self._write(f"{_ERASE_BELOW}{_NO_WRAP}{drawn.get()}\r{_WRAP}")

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
