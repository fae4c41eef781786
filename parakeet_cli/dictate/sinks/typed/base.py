"""What a way to type is, for the sink `type` and for whoever writes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Focus:
    """The window that keys go to; `program` is what it calls itself, "" where it doesn't."""

    window: str
    program: str = ""

    @property
    def is_terminal(self) -> bool:
        name = self.program.lower()
        return any(terminal in name for terminal in TERMINALS)


# Parts of the names by which terminals go (WM_CLASS, app_id).
TERMINALS = (
    *("term", "konsole", "alacritty", "kitty", "foot", "tilix", "ghostty", "guake", "yakuake"),
    *("rxvt", "terminator", "hyper", "rio", "blackbox", "ptyxis", "kgx", "org.gnome.console"),
)


class Method(Protocol):
    """One way to send keys to the focused window."""

    def probe(self) -> str:
        """Why it works here, as a clause; raises SinkUnavailable, cheaply, where it does not."""
        ...

    def focus(self) -> Focus | None:
        """Where keys go now, None where this session doesn't tell.

        Raises SinkError where nothing would take them.
        """
        ...

    def type(self, text: str) -> None:
        """Keys for the text, in order, at the pace of a window that reads them.

        Held modifiers are waited for where that can be seen. Raises SinkError where keys
        may not have arrived.
        """
        ...

    def erase(self, count: int) -> None:
        """BackSpace, so many times; raises SinkError."""
        ...

    def close(self) -> None:
        """Leave the keyboard as it was found."""
        ...
