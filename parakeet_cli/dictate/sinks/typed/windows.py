"""Types with Windows' SendInput, which carries any text on any layout.

Written from Microsoft's documentation of SendInput and KEYBDINPUT; not yet run on Windows.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

from parakeet_cli.dictate.sinks.typed.base import Focus, wait_for_release
from parakeet_cli.errors import SinkError, SinkUnavailable

PIECE = 20  # characters between two checks of the focus
PACE = 0.005  # seconds a character
_KEYBOARD = 1  # INPUT_KEYBOARD
_KEY_UP, _UNICODE = 0x0002, 0x0004  # KEYEVENTF_*
_BACK, _TAB, _RETURN = 0x08, 0x09, 0x0D  # VK_*
_MODIFIERS = (0x10, 0x11, 0x12, 0x5B, 0x5C)  # shift, control, alt, both Windows keys

_Pointer = ctypes.c_size_t  # ULONG_PTR


class _Keyboard(ctypes.Structure):
    _fields_ = (
        ("wVk", ctypes.c_uint16),
        ("wScan", ctypes.c_uint16),
        ("dwFlags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("dwExtraInfo", _Pointer),
    )


class _Mouse(ctypes.Structure):  # never sent: SendInput wants the size of the largest struct
    _fields_ = (
        ("dx", ctypes.c_int32),
        ("dy", ctypes.c_int32),
        ("mouseData", ctypes.c_uint32),
        ("dwFlags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("dwExtraInfo", _Pointer),
    )


class _Either(ctypes.Union):
    _fields_ = (("ki", _Keyboard), ("mi", _Mouse))


class Input(ctypes.Structure):
    """INPUT of winuser.h."""

    _fields_ = (("type", ctypes.c_uint32), ("either", _Either))


def key_inputs(char: str) -> list[Input]:
    """The presses and releases of one character."""
    if char in "\n\t":
        key = _RETURN if char == "\n" else _TAB
        return [_input(key, 0, 0), _input(key, 0, _KEY_UP)]
    data = char.encode("utf-16-le")
    units = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    return [_input(0, unit, _UNICODE | up) for unit in units for up in (0, _KEY_UP)]


def _input(key: int, scan: int, flags: int) -> Input:
    return Input(_KEYBOARD, _Either(ki=_Keyboard(key, scan, flags, 0, 0)))


class SendInput:
    """Sends KEYEVENTF_UNICODE, a character at a time."""

    def __init__(self) -> None:
        self._user32: Any = None

    def probe(self) -> str:
        loaded = getattr(ctypes, "WinDLL", None)
        if loaded is None:
            raise SinkUnavailable("This is not Windows.")
        self._user32 = loaded("user32", use_last_error=True)
        self._user32.GetForegroundWindow.restype = ctypes.c_void_p
        self._user32.GetAsyncKeyState.restype = ctypes.c_int16
        return "user32 has SendInput"

    def focus(self) -> Focus:
        window = self._user32.GetForegroundWindow()
        if not window:
            raise SinkError("No window has the focus.")
        return Focus(str(window))

    def type(self, text: str) -> None:
        window = self.focus()
        for start in range(0, len(text), PIECE):
            wait_for_release(self._held)
            if self.focus() != window:
                raise SinkError("The focus moved to another window before the text was complete.")
            for char in text[start : start + PIECE]:
                self._send(key_inputs(char))

    def erase(self, count: int) -> None:
        wait_for_release(self._held)
        for _ in range(count):
            self._send([_input(_BACK, 0, 0), _input(_BACK, 0, _KEY_UP)])

    def close(self) -> None:
        """Do nothing: no keyboard state was changed."""

    def _send(self, inputs: Sequence[Input]) -> None:
        array = (Input * len(inputs))(*inputs)
        if self._user32.SendInput(len(inputs), array, ctypes.sizeof(Input)) != len(inputs):
            # The usual reason: the window belongs to a program with higher privileges.
            raise SinkError("Windows refused the keys; the window may be an administrator's.")
        time.sleep(PACE)

    def _held(self) -> str:
        down = any(self._user32.GetAsyncKeyState(key) & 0x8000 for key in _MODIFIERS)
        return "A modifier key" if down else ""
