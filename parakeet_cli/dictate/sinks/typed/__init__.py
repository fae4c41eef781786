"""Types into the focused window, by the first method of a table that works here.

A new method is a module here, with a class that follows `base.Method`, and a row in
METHODS. They are tried in the table's order.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from parakeet_cli.dictate.desktop.x11_keys import keyboard_for_windows
from parakeet_cli.dictate.sinks.typed import graphemes
from parakeet_cli.dictate.sinks.typed.base import Focus, Method
from parakeet_cli.dictate.sinks.typed.input_watch import InputWatch, watch_input
from parakeet_cli.errors import SinkError, SinkUnavailable, UsageError
from parakeet_cli.system.loading import load_named

__all__ = ["METHODS", "Focus", "Method", "MethodRow", "Type"]

_HERE = "parakeet_cli.dictate.sinks.typed"

# Seconds for which a text follows the last one in its window, where nobody says what the user
# does meanwhile: a dictation that goes on comes soon. Less where the window isn't known either.
_UNWATCHED = 120.0
_UNKNOWN_WINDOW = 30.0


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method: a line of help, where its class is, and the session that it is for."""

    help: str
    location: str
    session: str  # an environment variable, or sys.platform's value

    @property
    def fits(self) -> bool:
        return sys.platform == self.session or bool(os.environ.get(self.session))

    def make(self) -> Method:
        method: Method = load_named(self.location)()
        return method


# Wayland's methods come before X11's, which under Wayland reach X11's windows only. wtype
# brings its own keymap; the others press keys by position, so they paste. The portal is
# Wayland's last, since it asks the user.
METHODS: dict[str, MethodRow] = {
    "sendinput": MethodRow("Windows' SendInput", f"{_HERE}.windows:SendInput", "win32"),
    "quartz": MethodRow("macOS's Quartz events", f"{_HERE}.macos:Quartz", "darwin"),
    "wtype": MethodRow("Wayland's virtual keyboard", f"{_HERE}.wtype:Wtype", "WAYLAND_DISPLAY"),
    "dotool": MethodRow("pasted by dotool's keys", f"{_HERE}.pasted:Dotool", "WAYLAND_DISPLAY"),
    "ydotool": MethodRow("pasted by ydotool's keys", f"{_HERE}.pasted:Ydotool", "WAYLAND_DISPLAY"),
    "portal": MethodRow(
        "pasted by the desktop's portal", f"{_HERE}.portal:Portal", "WAYLAND_DISPLAY"
    ),
    "xtest": MethodRow("X11's XTEST extension", f"{_HERE}.xtest:XTest", "DISPLAY"),
    "xdotool": MethodRow("the program xdotool", f"{_HERE}.xdotool:Xdotool", "DISPLAY"),
}


class TypeSink:
    """Sends each text as keys to the window that has the focus at that time."""

    name = "type"

    def __init__(self, method: str | None = None) -> None:
        if method is not None and method not in METHODS:
            raise UsageError(
                f"--sink type:{method}: there is no such method.",
                hint=f"`--sink type` takes the first that works of {', '.join(METHODS)}.",
            )
        self._asked = method
        self._method: Method | None = None
        self._typed: list[tuple[str, Focus | None]] = []
        self._watch: InputWatch | None = None
        self._ended = False  # whether Return ended its text
        self._last = 0.0  # when it typed or erased last

    def open(self) -> str:
        rows = {self._asked: METHODS[self._asked]} if self._asked else _fitting()
        failures = []
        for name, row in rows.items():
            method = row.make()
            try:
                reason = method.probe()
            except SinkUnavailable as error:
                failures.append((name, error))
            else:
                self._method = method
                if row.session == "DISPLAY":
                    self._watch = watch_input()
                passed = "".join(f"; {other}: {_clause(why)}" for other, why in failures)
                return f"type, by {name}: {reason}{passed}."
        reasons = "; ".join(f"{name}: {_clause(why)}" for name, why in failures)
        raise SinkUnavailable(
            f"Nothing can type here: {reasons or 'neither WAYLAND_DISPLAY nor DISPLAY is set'}.",
            hint=next(
                (why.hint for _, why in failures if why.hint),
                "Run it in your desktop session, or use `--sink stdout` or `--sink file:PATH`.",
            ),
        )

    def insert(self, text: str) -> None:
        method = self._opened()
        text = graphemes.typable(text)
        if not text:
            self._typed.append((text, None))
            return
        focus = method.focus()
        try:
            with keyboard_for_windows():
                method.type(text)
        finally:
            self._done()
        self._typed.append((text, focus))

    def continues(self) -> bool:
        """Whether the same window has the focus, and nothing else was typed or clicked since."""
        if self._ended:
            self._ended = False
            return False
        if not self._typed:
            return True
        before = self._typed[-1][1]
        try:
            same = self._opened().focus() == before
        except SinkError:
            same = False
        since = time.monotonic() - self._last
        if same and self._watch is not None:
            same = not self._was_used()
        elif same:
            same = since <= (_UNKNOWN_WINDOW if before is None else _UNWATCHED)
        if not same:
            self._typed.clear()
        return same

    def press_enter(self) -> None:
        """Press Return if the window with the last text has the focus. The text ends there.

        Raises SinkError if it has not, or where nothing was typed.
        """
        if not self._typed:
            raise SinkError("No text was typed before it.")
        before = self._typed[-1][1]
        if self._opened().focus() != before:
            raise SinkError("Another window has the focus now.")
        with keyboard_for_windows():
            self._opened().type("\n")
        self._typed.clear()
        self._ended = True

    def undo(self, text: str) -> None:
        method = self._opened()
        if not self._typed:
            raise SinkError("No text of this dictation is left to erase.")
        typed, focus = self._typed.pop()
        if not typed:
            return
        now = method.focus()
        if focus is None or now is None:
            raise SinkError("This session doesn't say which window has the focus.")
        if now != focus:
            raise SinkError("Another window has the focus now.")
        if focus.is_terminal and "\n" in typed:
            raise SinkError("The terminal has read the line already.")
        # BackSpace erases a code point in a terminal, and a grapheme in an editor.
        try:
            with keyboard_for_windows():
                method.erase(len(typed) if focus.is_terminal else graphemes.count(typed))
        finally:
            self._done()

    def _done(self) -> None:
        """Count only what the user does from now on."""
        self._last = time.monotonic()
        if self._watch is not None:
            self._was_used()

    def _was_used(self) -> bool:
        """Whether the user typed or clicked; True if the X server can't be asked any more."""
        try:
            return self._watch is None or self._watch.was_used()
        except Exception:  # python-xlib's errors of a lost connection have no common class
            self._watch = None
            return True

    def close(self) -> None:
        if self._watch is not None:
            with suppress(Exception):  # the X server may be gone
                self._watch.close()
            self._watch = None
        if self._method is not None:
            self._method.close()
            self._method = None

    def _opened(self) -> Method:
        if self._method is None:
            raise SinkError("The sink is not open.")
        return self._method


def _fitting() -> dict[str, MethodRow]:
    return {name: row for name, row in METHODS.items() if row.fits}


def _clause(error: SinkUnavailable) -> str:
    return str(error).rstrip(".")
