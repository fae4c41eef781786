"""Finds out under X11 whether the user typed or clicked since a text was typed.

Only that it happened: which characters are typed is neither looked at nor stored. Keys that leave
the text as it is don't count: modifiers, function keys, shortcuts with Ctrl, Alt or Super.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from Xlib.display import Display

_RAW_KEY_PRESS, _RAW_KEY_RELEASE, _RAW_BUTTON_PRESS = 13, 14, 15  # XI2proto.h
_RAW_EVENT = struct.Struct("=HIIH")  # device, time, key or button, where it came from
_WHEEL = range(4, 8)  # the buttons of a mouse wheel, which move no caret
_FIRST_MODIFIER, _LAST_MODIFIER = 0xFFE1, 0xFFEE  # Shift_L to Hyper_R (keysymdef.h)
_SHIFTS = {0xFFE1, 0xFFE2, 0xFFE5, 0xFFE6}  # with these down, a key still writes
_ALT_GR = {0xFE03, 0xFE11}
# Keys that write nothing and move nothing: Pause to Sys_Req, Print, Menu, F1 to F35, Num_Lock.
_HARMLESS = {0xFF13, 0xFF14, 0xFF15, 0xFF61, 0xFF67, 0xFF7F, *range(0xFFBE, 0xFFE1)}
_MEDIA = 0x1008FF00  # XF86 keys


class InputWatch:
    """Counts what the user does from `forget` to `was_used`."""

    def __init__(self, display: Display) -> None:
        """Takes over a connection of its own. Raises what python-xlib raises without XInput 2.1."""
        from Xlib.ext import xinput

        self._display = display
        self._down: set[int] = set()  # keysyms of modifiers
        major = display.display.get_extension_major(xinput.extname)
        # 2.1 or newer: before, a grab by another program hid these events.
        version = xinput.XIQueryVersion(
            display=display.display, opcode=major, major_version=2, minor_version=2
        )
        if (version.major_version, version.minor_version) < (2, 1):
            raise RuntimeError("XInput is too old")
        mask = sum(1 << kind for kind in (_RAW_KEY_PRESS, _RAW_KEY_RELEASE, _RAW_BUTTON_PRESS))
        display.screen().root.xinput_select_events([(xinput.AllMasterDevices, mask)])
        display.sync()

    def was_used(self) -> bool:
        """Whether the user typed or clicked since `forget`. Raises python-xlib's errors."""
        self._display.sync()
        used = False
        while self._display.pending_events():
            used |= self._counts(self._display.next_event())
        return used

    def forget(self) -> None:
        """Count from 0 again."""
        self.was_used()

    def close(self) -> None:
        self._display.close()

    def _counts(self, event: Any) -> bool:
        kind = getattr(event, "evtype", None)
        data = getattr(event, "data", b"")
        if not isinstance(data, bytes) or len(data) < _RAW_EVENT.size:
            return False
        _, _, detail, _ = _RAW_EVENT.unpack_from(data)
        if kind == _RAW_BUTTON_PRESS:
            return detail not in _WHEEL
        keysym = self._display.keycode_to_keysym(detail, 0)
        if _FIRST_MODIFIER <= keysym <= _LAST_MODIFIER or keysym in _ALT_GR:
            (self._down.discard if kind == _RAW_KEY_RELEASE else self._down.add)(keysym)
            return False
        if kind != _RAW_KEY_PRESS or self._down - _SHIFTS - _ALT_GR:
            return False
        return keysym not in _HARMLESS and keysym & ~0xFF != _MEDIA


def watch_input() -> InputWatch | None:
    """A watch on this session's X server; None if it has none, or one that can't tell."""
    try:
        from Xlib.display import Display
    except ImportError:
        return None
    try:
        return InputWatch(Display())
    except (
        Exception
    ):  # python-xlib raises errors of many kinds, and some that are no errors of its own
        return None
