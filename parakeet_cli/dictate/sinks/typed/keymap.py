"""Looks up which key of an X11 keyboard, with Shift or without, gives a character.

Keysyms and their Unicode forms: X Window System Protocol, appendix A. The older sets are
the parts of ISO 8859 and similar encodings, by number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NO_SYMBOL = 0
RETURN, TAB, BACKSPACE = 0xFF0D, 0xFF09, 0xFF08
CAPS_LOCK = 0xFFE5
_UNICODE = 0x01000000
_EURO = 0x20AC

# The high byte of a keysym to the encoding of its low byte, where the two agree.
_SETS: Mapping[int, tuple[str, range]] = {
    0x01: ("iso8859_2", range(0xA1, 0x100)),
    0x02: ("iso8859_3", range(0xA1, 0x100)),
    0x03: ("iso8859_4", range(0xA2, 0x100)),
    0x05: ("iso8859_6", range(0xAC, 0x100)),
    0x06: ("koi8_r", range(0xC0, 0x100)),
    0x07: ("iso8859_7", range(0xC1, 0xF2)),
    0x0C: ("iso8859_8", range(0xDF, 0x100)),
    0x0D: ("tis_620", range(0xA1, 0xFC)),
    0x13: ("iso8859_15", range(0xBC, 0xBF)),
}


def character(keysym: int) -> str | None:
    """The keysym's character, None if it has none or is not known here."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if _UNICODE + 0x100 <= keysym <= _UNICODE + 0x10FFFF:
        return chr(keysym - _UNICODE)
    if keysym == _EURO:
        return "€"
    encoding, low = _SETS.get(keysym >> 8, ("", range(0)))
    if keysym & 0xFF not in low:
        return None
    try:
        return bytes([keysym & 0xFF]).decode(encoding)
    except UnicodeDecodeError:
        return None


def keysym(char: str) -> int:
    """The keysym of a character, or of the key for a line break or a tab."""
    if char in "\n\t":
        return RETURN if char == "\n" else TAB
    code = ord(char)
    return code if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF else _UNICODE + code


@dataclass(frozen=True, slots=True)
class Stroke:
    """One key, with Shift or without."""

    keycode: int
    shift: bool = False


class Keymap:
    """The keyboard's mapping at one time.

    `rows` are the keysyms of each keycode from `first` on, in the order of the core
    protocol: unshifted and shifted of the first group, then of the second. What takes
    AltGr, a dead key or more groups counts as missing.
    """

    def __init__(self, first: int, rows: Sequence[Sequence[int]], group: int = 0) -> None:
        self._rows = {code: tuple(row) for code, row in enumerate(rows, start=first)}
        self._strokes: dict[str, Stroke] = {}
        self._named: dict[int, int] = {}
        self.spare: list[int] = []  # keycodes without any keysym
        for keycode, row in self._rows.items():
            if not any(row):
                self.spare.append(keycode)
                continue
            self._named.setdefault(row[0], keycode)
            plain, shifted = _levels(row, group)
            self._put(plain, Stroke(keycode))
            self._put(shifted, Stroke(keycode, shift=True))

    def stroke(self, char: str) -> Stroke | None:
        """How to type it, None if no key has it."""
        if char in "\n\t":
            keycode = self.keycode(keysym(char))
            return None if keycode is None else Stroke(keycode)
        return self._strokes.get(char)

    def keycode(self, name: int) -> int | None:
        """The key that has this keysym without Shift: Return, BackSpace."""
        return self._named.get(name)

    def means(self, keycode: int, char: str) -> bool:
        """Whether this key gives that character, with Shift and without."""
        return self._rows[keycode][:2] == (keysym(char),) * 2

    def _put(self, name: int, stroke: Stroke) -> None:
        if (char := character(name)) is not None and (
            char not in self._strokes or (self._strokes[char].shift and not stroke.shift)
        ):
            self._strokes[char] = stroke


def _levels(row: Sequence[int], group: int) -> tuple[int, int]:
    """The keysyms without and with Shift; a key without that group uses its first group."""
    start = 2 * group if any(row[2 * group : 2 * group + 2]) else 0
    plain, shifted = (*row[start : start + 2], NO_SYMBOL, NO_SYMBOL)[:2]
    if shifted == NO_SYMBOL:  # by the protocol, a single letter has its capital on Shift
        char = character(plain)
        if char is not None and char.upper() != char and len(char.upper()) == 1:
            return keysym(char.lower()), keysym(char.upper())
        shifted = plain
    return plain, shifted
