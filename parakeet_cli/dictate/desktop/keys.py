"""Reads how people write keys, <f9> or <ctrl>+<alt>+d, as the names that X11 and portals use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from parakeet_cli.errors import UsageError

# The names of modifiers to those of the shortcuts specification:
# https://specifications.freedesktop.org/shortcuts-spec/latest/
MODIFIERS = {
    "ctrl": "CTRL",
    "alt": "ALT",
    "shift": "SHIFT",
    "cmd": "LOGO",
    "super": "LOGO",
}
# The names of other keys, as pynput has them, to X11's keysyms.
_KEYSYMS = {
    "ctrl": "Control_L",
    "ctrl_l": "Control_L",
    "ctrl_r": "Control_R",
    "alt": "Alt_L",
    "alt_l": "Alt_L",
    "alt_r": "Alt_R",
    "alt_gr": "ISO_Level3_Shift",
    "shift": "Shift_L",
    "shift_l": "Shift_L",
    "shift_r": "Shift_R",
    "cmd": "Super_L",
    "cmd_l": "Super_L",
    "cmd_r": "Super_R",
    "super": "Super_L",
    "caps_lock": "Caps_Lock",
    "num_lock": "Num_Lock",
    "scroll_lock": "Scroll_Lock",
    "space": "space",
    "tab": "Tab",
    "enter": "Return",
    "esc": "Escape",
    "backspace": "BackSpace",
    "delete": "Delete",
    "insert": "Insert",
    "home": "Home",
    "end": "End",
    "page_up": "Page_Up",
    "page_down": "Page_Down",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "pause": "Pause",
    "menu": "Menu",
    "print_screen": "Print",
    "media_play_pause": "XF86AudioPlay",
    "media_next": "XF86AudioNext",
    "media_previous": "XF86AudioPrev",
    "media_volume_mute": "XF86AudioMute",
    **{f"f{number}": f"F{number}" for number in range(1, 36)},
}
_PART = re.compile(r"<([a-z_0-9]+)>|(.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyCombination:
    """One key, by its keysym or as the character that it writes, and the modifiers with it."""

    spelled: str
    key: str
    modifiers: frozenset[str] = frozenset()

    @property
    def trigger(self) -> str:
        """As the shortcuts specification writes it, CTRL+ALT+d."""
        order = [name for name in ("CTRL", "ALT", "SHIFT", "LOGO") if name in self.modifiers]
        return "+".join((*order, self.key))


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """What a combination does when it goes down, and when it goes up again."""

    name: str
    description: str
    keys: KeyCombination
    pressed: Callable[[], object]
    released: Callable[[], object]


def parse_keys(spelled: str) -> KeyCombination:
    """The combination that a text like <ctrl>+<alt>+d means. Raises UsageError."""
    parts = _parts(spelled)
    modifiers = [name for name in parts[:-1] if name.lower() in MODIFIERS]
    if not parts or len(modifiers) < len(parts) - 1:
        raise _unknown(spelled)
    last = parts[-1]
    key = _KEYSYMS.get(last.lower()) if len(last) > 1 else last.lower()
    if key is None:
        raise _unknown(spelled)
    return KeyCombination(spelled, key, frozenset(MODIFIERS[name.lower()] for name in modifiers))


def _parts(spelled: str) -> list[str]:
    parts, at = [], 0
    while at < len(spelled):
        found = _PART.match(spelled, at)
        if found is None:
            raise _unknown(spelled)
        parts.append(found[1] or found[2])
        at = found.end()
        if at < len(spelled):
            if spelled[at] != "+" or at + 1 == len(spelled):
                raise _unknown(spelled)
            at += 1
    return parts


def _unknown(spelled: str) -> UsageError:
    return UsageError(f"There is no key '{spelled}'.", hint="Write it like <f9> or <ctrl>+<alt>+d.")
