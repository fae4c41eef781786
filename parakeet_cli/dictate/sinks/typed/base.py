"""Defines the interface of a method to type, and what methods share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from parakeet_cli.errors import SinkError

HELD_SECONDS = 15.0  # how long a modifier key that is held down is waited for


@dataclass(frozen=True, slots=True)
class Focus:
    """The window that gets the keys; `program` is its own name for itself, "" if it has none."""

    window: str
    program: str = ""

    @property
    def is_terminal(self) -> bool:
        name = self.program.lower()
        return any(terminal in name for terminal in TERMINALS)


# Parts of the names of terminals (WM_CLASS, app_id).
TERMINALS = (
    *("term", "konsole", "alacritty", "kitty", "foot", "tilix", "ghostty", "guake", "yakuake"),
    *("rxvt", "terminator", "hyper", "rio", "blackbox", "ptyxis", "kgx", "org.gnome.console"),
)


class Method(Protocol):
    """One way to send keys to the focused window."""

    def probe(self) -> str:
        """Why it works here, as a clause. Raises SinkUnavailable, quickly, if it doesn't."""
        ...

    def focus(self) -> Focus | None:
        """The window that has the focus, None if this session doesn't say.

        Raises SinkError if no window would get the keys.
        """
        ...

    def type(self, text: str) -> None:
        """Send keys for the text, in order, no faster than a window reads them.

        Waits until no modifier is held down, if that can be found out. Raises SinkError if
        keys may not have arrived.
        """
        ...

    def erase(self, count: int) -> None:
        """Press BackSpace `count` times. Raises SinkError."""
        ...

    def close(self) -> None:
        """Restore the keyboard."""
        ...


def wait_for_release(held: Callable[[], str]) -> None:
    """Wait until `held` names no modifier key: while one is down, a text would be shortcuts.

    Raises SinkError after HELD_SECONDS.
    """
    until = time.monotonic() + HELD_SECONDS
    while names := held():
        if time.monotonic() > until:
            raise SinkError(f"{names} has been held down for {HELD_SECONDS:g} seconds.")
        time.sleep(0.02)
