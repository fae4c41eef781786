"""Types with macOS's Quartz events, which carry any text on any layout.

Written from Apple's documentation of CGEvent and AXIsProcessTrusted; not yet run on any Mac.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from typing import Any

from parakeet_cli.dictate.sinks.typed.base import Focus, wait_for_release
from parakeet_cli.errors import SinkError, SinkUnavailable

PIECE = 20  # UTF-16 units, the most that one event takes
PACE = 0.01  # seconds an event
_HID_TAP = 0  # kCGHIDEventTap
_COMBINED_STATE = 0  # kCGEventSourceStateCombinedSessionState
_HELD_FLAGS = 0x00020000 | 0x00040000 | 0x00080000 | 0x00100000  # shift, control, alt, command
_RETURN, _TAB, _DELETE = 0x24, 0x30, 0x33  # kVK_*


class Quartz:
    """Sends CGEventKeyboardSetUnicodeString, a piece at a time."""

    def __init__(self) -> None:
        self._services: Any = None

    def probe(self) -> str:
        path = ctypes.util.find_library("ApplicationServices")
        if path is None:
            raise SinkUnavailable("ApplicationServices was not found.")
        services: Any = ctypes.CDLL(path)
        services.AXIsProcessTrusted.restype = ctypes.c_bool
        services.CGEventCreateKeyboardEvent.restype = ctypes.c_void_p
        services.CGEventCreateKeyboardEvent.argtypes = (
            ctypes.c_void_p, ctypes.c_uint16, ctypes.c_bool,
        )  # fmt: skip
        services.CGEventKeyboardSetUnicodeString.argtypes = (
            ctypes.c_void_p, ctypes.c_ulong, ctypes.c_char_p,
        )  # fmt: skip
        services.CGEventKeyboardSetUnicodeString.restype = None
        services.CGEventSetFlags.argtypes = (ctypes.c_void_p, ctypes.c_uint64)
        services.CGEventSetFlags.restype = None
        services.CGEventPost.argtypes = (ctypes.c_uint32, ctypes.c_void_p)
        services.CGEventPost.restype = None
        services.CGEventSourceFlagsState.argtypes = (ctypes.c_int32,)
        services.CGEventSourceFlagsState.restype = ctypes.c_uint64
        services.CFRelease.argtypes = (ctypes.c_void_p,)
        services.CFRelease.restype = None
        if not services.AXIsProcessTrusted():
            raise SinkUnavailable(
                "This terminal may not send keys.",
                hint="Allow it in System Settings, Privacy & Security, Accessibility.",
            )
        self._services = services
        return "Accessibility is allowed"

    def focus(self) -> Focus | None:
        return None

    def type(self, text: str) -> None:
        wait_for_release(self._held)
        for line, part in enumerate(text.split("\n")):
            if line:
                self._press(_RETURN)
            for cell, words in enumerate(part.split("\t")):
                if cell:
                    self._press(_TAB)
                for piece in utf16_pieces(words, PIECE):
                    self._press(0, piece)

    def erase(self, count: int) -> None:
        wait_for_release(self._held)
        for _ in range(count):
            self._press(_DELETE)

    def close(self) -> None:
        """Do nothing: no keyboard state was changed."""

    def _press(self, key: int, units: bytes = b"") -> None:
        for down in (True, False):
            event = self._services.CGEventCreateKeyboardEvent(None, key, down)
            if not event:
                raise SinkError("macOS refused to make a keyboard event.")
            self._services.CGEventSetFlags(event, 0)
            if units:
                self._services.CGEventKeyboardSetUnicodeString(event, len(units) // 2, units)
            self._services.CGEventPost(_HID_TAP, event)
            self._services.CFRelease(event)
        time.sleep(PACE)

    def _held(self) -> str:
        flags = self._services.CGEventSourceFlagsState(_COMBINED_STATE) & _HELD_FLAGS
        return "A modifier key" if flags else ""


def utf16_pieces(text: str, units: int) -> list[bytes]:
    """The text in native UTF-16, cut into pieces of at most `units`, never inside a character."""
    pieces = [b""]
    for char in text:
        data = char.encode("utf-16-le")
        if len(pieces[-1]) + len(data) > 2 * units:
            pieces.append(b"")
        pieces[-1] += data
    return [piece for piece in pieces if piece]
