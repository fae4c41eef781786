"""Keys through the program wtype: Wayland's virtual keyboard, with a keymap of its own."""

from __future__ import annotations

import shutil

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.typed import compositors
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError, SinkUnavailable

PIECE = 100  # characters: wtype makes one keymap for all of a text
_LIMIT = 30.0
# It is a new keyboard each time: 50 ms until the window listens to it, then 2 ms a key.
_WTYPE = ("wtype", "-s", "50", "-d", "2")


class Wtype:
    """Any character on any layout, where the compositor has the protocol (not GNOME, KDE)."""

    def probe(self) -> str:
        if not shutil.which("wtype"):
            raise SinkUnavailable("wtype is not installed.", hint="Install wtype.")
        try:
            programs.run(("wtype", ""))
        except SinkError as error:
            raise SinkUnavailable(str(error)) from None
        return "the compositor has the virtual keyboard"

    def focus(self) -> Focus | None:
        return compositors.focused()

    def type(self, text: str) -> None:
        window = self.focus()
        for start in range(0, len(text), PIECE):
            if start and self.focus() != window:
                raise SinkError("The focus went to another window in mid-sentence.")
            piece = text[start : start + PIECE]
            programs.run((*_WTYPE, "-"), given=piece.encode(), limit=_LIMIT)

    def erase(self, count: int) -> None:
        programs.run((*_WTYPE, *("-k", "BackSpace") * count), limit=_LIMIT)

    def close(self) -> None:
        """wtype's keymap ends with it."""
