"""Types with the program wtype: a virtual keyboard for Wayland with its own keymap."""

from __future__ import annotations

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.typed import compositors
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError

PIECE = 100  # characters, since wtype makes one keymap for the whole text
_LIMIT = 30.0
# Each run is a new keyboard: 50 ms until the window listens to it, then 2 ms a key.
_WTYPE = ("wtype", "-s", "50", "-d", "2")


class Wtype:
    """Any character on any layout, if the compositor has the protocol (not GNOME, KDE)."""

    def probe(self) -> str:
        programs.probe("wtype", "")
        return "the compositor has the virtual keyboard"

    def focus(self) -> Focus | None:
        return compositors.focused()

    def type(self, text: str) -> None:
        window = self.focus()
        for start in range(0, len(text), PIECE):
            if start and self.focus() != window:
                raise SinkError("The focus moved to another window before the text was complete.")
            piece = text[start : start + PIECE]
            programs.run((*_WTYPE, "-"), given=piece.encode(), limit=_LIMIT)

    def erase(self, count: int) -> None:
        programs.run((*_WTYPE, *("-k", "BackSpace") * count), limit=_LIMIT)

    def close(self) -> None:
        """Do nothing: wtype's keymap is gone when it ends."""
