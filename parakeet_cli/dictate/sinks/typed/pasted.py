"""Pastes through the clipboard, for tools that would type other letters on other layouts.

They press keys by position: dotool and ydotool with a keyboard of their own through
/dev/uinput, the portal (portal.py) through the desktop. What most keys mean depends on the
layout, but Shift+Insert always pastes.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.system_clipboard import SystemClipboard, borrowed, find_clipboard
from parakeet_cli.dictate.sinks.typed import compositors
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError, SinkUnavailable

UINPUT = Path("/dev/uinput")
# Linux's codes for the positions of keys, from input-event-codes.h.
KEY_CODES = {"ctrl": 29, "shift": 42, "v": 47, "insert": 110, "backspace": 14}
PASTING = 0.3  # seconds within which a window asks for the clipboard


class KeyPresser(Protocol):
    """Presses key combinations."""

    def probe(self) -> str: ...
    def press(self, chord: tuple[str, ...], times: int = 1) -> None: ...
    def close(self) -> None: ...


# The keys that paste. In an unknown window it is Shift+Insert, with which editors paste the
# clipboard and most terminals the selection, so the text is put on both.
PASTE = ("ctrl", "v")
PASTE_IN_TERMINAL = ("ctrl", "shift", "v")
PASTE_ANYWHERE = ("shift", "insert")


def paste_chord(focus: Focus | None) -> tuple[str, ...]:
    """The key combination that pastes in that window."""
    if focus is None or not focus.program:
        return PASTE_ANYWHERE
    return PASTE_IN_TERMINAL if focus.is_terminal else PASTE


class Pasted:
    """Puts text on the clipboard, pastes it, and restores the clipboard."""

    def __init__(self, keys: KeyPresser) -> None:
        self._keys = keys
        self._clipboard: SystemClipboard | None = None

    def probe(self) -> str:
        reason = self._keys.probe()
        self._clipboard = find_clipboard()
        return f"{reason}, pasting from {self._clipboard.name}"

    def focus(self) -> Focus | None:
        return compositors.focused()

    def type(self, text: str) -> None:
        if self._clipboard is None:
            raise SinkError("There is no clipboard to paste from.")
        chord = paste_chord(self.focus())
        with borrowed(self._clipboard, text, selection_too=chord == PASTE_ANYWHERE):
            self._keys.press(chord)
            time.sleep(PASTING)

    def erase(self, count: int) -> None:
        self._keys.press(("backspace",), count)

    def close(self) -> None:
        self._keys.close()


class _DotoolPresser:
    """Keeps one dotool running, because a keyboard that was just created loses keys."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def probe(self) -> str:
        programs.require("dotool")
        if not os.access(UINPUT, os.W_OK):
            raise SinkUnavailable(
                f"dotool is not allowed to write to {UINPUT}.",
                hint="Add yourself to the group `input`.",
            )
        return f"{UINPUT} can be written to"

    def press(self, chord: tuple[str, ...], times: int = 1) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"key {'+'.join(chord)}\n".encode() * times)
            self._process.stdin.flush()
        except OSError as error:
            raise SinkError(f"dotool has ended: {error.strerror}.") from error

    def close(self) -> None:
        if self._process is not None:
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=2)
            self._process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                ["dotool"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise SinkError(f"dotool can't be run: {error.strerror}.") from error
        time.sleep(0.5)  # until the compositor has accepted the new keyboard
        return process


class _YdotoolPresser:
    """ydotool 1, whose daemon owns the keyboard; older versions have another syntax."""

    def probe(self) -> str:
        programs.require("ydotool")
        runtime = os.environ.get("XDG_RUNTIME_DIR", "/run/user/none")
        named = os.environ.get("YDOTOOL_SOCKET")
        sockets = [named] if named else [f"{runtime}/.ydotool_socket", "/tmp/.ydotool_socket"]
        found = [socket for socket in sockets if Path(socket).is_socket()]
        if not found:
            raise SinkUnavailable("ydotoold is not running.", hint="Start ydotoold (ydotool 1).")
        if b"recorder" in subprocess.run(("ydotool", "help"), capture_output=True).stderr:
            raise SinkUnavailable(
                "ydotool is older than 1 and can't press keys by position.",
                hint="Install ydotool 1 or newer.",
            )
        return f"ydotoold listens at {found[0]}"

    def press(self, chord: tuple[str, ...], times: int = 1) -> None:
        codes = [KEY_CODES[key] for key in chord]
        strokes = [f"{code}:1" for code in codes] + [f"{code}:0" for code in codes[::-1]]
        # Without a pause between keys, modifiers stayed down on KDE.
        programs.run(("ydotool", "key", "--key-delay", "12", *strokes * times), limit=30)

    def close(self) -> None:
        """Do nothing: the daemon keeps running."""


class Dotool(Pasted):
    """Pastes with keys from dotool."""

    def __init__(self) -> None:
        super().__init__(_DotoolPresser())


class Ydotool(Pasted):
    """Pastes with keys from ydotool."""

    def __init__(self) -> None:
        super().__init__(_YdotoolPresser())
