"""Keys through X11's XTEST extension, with characters that no key has put on spare keys."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.dictate.sinks.typed.keymap import BACKSPACE, CAPS_LOCK, Keymap, Stroke, keysym
from parakeet_cli.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    from Xlib.display import Display

PIECE = 20  # characters, between two looks at the focus and at the modifiers
PACE = 0.003  # seconds a character: windows on slow machines keep up
SETTLE = 0.5  # seconds in which a window has read its keys, before they mean something else
HELD = 15.0  # seconds that a held modifier is waited for
_MODIFIERS = {0: "Shift", 2: "Ctrl", 3: "Alt", 5: "Mod3", 6: "Super", 7: "AltGr"}
_LOCK, _GROUP = 1 << 1, 13  # of a state: Caps Lock's bit, and where the group's two bits are


class XTest:
    """Presses the keys that have the characters on this layout.

    Others are put on keycodes without a key, as many at once as there are, and stay there
    for the next text: a window that is slow reads what a key means when it gets to it.
    `close` takes them off again.
    """

    def __init__(self) -> None:
        self._display: Display | None = None
        self._bound: dict[str, int] = {}  # characters on spare keycodes, the oldest first
        self._last_key = 0.0

    def probe(self) -> str:
        name = os.environ.get("DISPLAY", "")
        try:
            from Xlib import error
            from Xlib.display import Display
        except ImportError:
            raise SinkUnavailable(
                "python-xlib is not installed.", hint="pip install python-xlib"
            ) from None
        try:
            display = Display()
        except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError):
            raise SinkUnavailable(f"The X11 display {name} does not answer.") from None
        if not display.has_extension("XTEST"):
            display.close()
            raise SinkUnavailable(f"The X11 display {name} has no XTEST.")
        self._display = display
        only = ", which reaches X11's windows only" if os.environ.get("WAYLAND_DISPLAY") else ""
        return f"the X11 display {name} has XTEST{only}"

    def focus(self) -> Focus:
        with self._talking() as display:
            return _focus(display)

    def type(self, text: str) -> None:
        with self._talking() as display:
            window = _focus(display)
            _take_over(display)
            with self._without_caps_lock(display):
                for piece in _pieces(text, self._room(display)):
                    _wait_for_modifiers(display)
                    if _focus(display) != window:
                        raise SinkError("The focus went to another window in mid-sentence.")
                    for stroke in self._strokes(display, piece):
                        self._press(display, stroke)

    def erase(self, count: int) -> None:
        with self._talking() as display:
            _wait_for_modifiers(display)
            keycode = _keymap(display).keycode(BACKSPACE)
            if keycode is None:
                raise SinkError("This keyboard has no BackSpace.")
            for _ in range(count):
                self._press(display, Stroke(keycode))

    def close(self) -> None:
        display, self._display = self._display, None
        if display is None:
            return
        try:
            with _errors():
                self._unbind(display)
                display.close()
        except SinkError:
            return  # the server has gone, and its keyboard with it

    @contextmanager
    def _talking(self) -> Iterator[Display]:
        """The display; a server that went away and came back is asked anew."""
        if self._display is None:
            try:
                self.probe()
            except SinkUnavailable as error:
                raise SinkError(str(error)) from None
            self._bound.clear()
        assert self._display is not None
        with _errors():
            try:
                yield self._display
            except BaseException as error:
                if not isinstance(error, SinkError):
                    self._display = None
                raise

    def _room(self, display: Display) -> int:
        """How many characters can be on spare keycodes at once."""
        return max(1, len(_keymap(display).spare) + len(self._still_bound(display)))

    def _still_bound(self, display: Display) -> dict[str, int]:
        """Ours that a change of the layout has not taken away."""
        keymap = _keymap(display)
        self._bound = {
            char: keycode for char, keycode in self._bound.items() if keymap.means(keycode, char)
        }
        return self._bound

    def _strokes(self, display: Display, piece: str) -> list[Stroke]:
        """How to type each character, those that no key has being put on spare ones first."""
        keymap = _keymap(display)
        bound = self._still_bound(display)
        missing = [char for char in dict.fromkeys(piece) if keymap.stroke(char) is None]
        for char in piece:  # what is used now is the last to give its key away
            if char in bound:
                bound[char] = bound.pop(char)
        spare = list(keymap.spare)
        old = [char for char in bound if char not in piece]
        if len(missing) > len(spare) and old:
            self._settle()
        for char in missing:
            if not spare and old:
                spare.append(bound.pop(old.pop(0)))
            if not spare:
                raise SinkError(f"There is no spare key on this keyboard to put '{char}' on.")
            keycode = spare.pop()
            name = keysym(char)
            display.change_keyboard_mapping(keycode, [(name, name)])
            bound[char] = keycode
        if missing:
            display.sync()
            keymap = _keymap(display)
        strokes = [keymap.stroke(char) for char in piece]
        if None in strokes:
            raise SinkError("The keyboard's layout changed in mid-sentence.")
        return [stroke for stroke in strokes if stroke is not None]

    def _press(self, display: Display, stroke: Stroke) -> None:
        from Xlib import X
        from Xlib.ext.xtest import fake_input

        shift = _keymap_shift(display) if stroke.shift else None
        if shift is not None:
            fake_input(display, X.KeyPress, shift)
        fake_input(display, X.KeyPress, stroke.keycode)
        fake_input(display, X.KeyRelease, stroke.keycode)
        if shift is not None:
            fake_input(display, X.KeyRelease, shift)
        display.sync()
        self._last_key = time.monotonic()
        time.sleep(PACE)

    @contextmanager
    def _without_caps_lock(self, display: Display) -> Iterator[None]:
        """Caps Lock off for the time of the block, by its own key."""
        keycode = _keymap(display).keycode(CAPS_LOCK)
        if not _state(display) & _LOCK or keycode is None:
            yield
            return
        self._press(display, Stroke(keycode))
        try:
            yield
        finally:
            self._press(display, Stroke(keycode))

    def _settle(self) -> None:
        time.sleep(max(0.0, self._last_key + SETTLE - time.monotonic()))

    def _unbind(self, display: Display) -> None:
        bound = self._still_bound(display)
        if bound:
            self._settle()
        for keycode in bound.values():
            display.change_keyboard_mapping(keycode, [(0, 0)])
        display.sync()
        bound.clear()


@contextmanager
def _errors() -> Iterator[None]:
    """What can go wrong with an X server, as a SinkError."""
    from Xlib.error import ConnectionClosedError, XError

    try:
        yield
    except (ConnectionClosedError, OSError):
        raise SinkError("The X server has gone.") from None
    except XError as error:
        raise SinkError(f"The X server refused: {type(error).__name__}.") from None


def _pieces(text: str, room: int) -> Iterator[str]:
    """The text cut so that the different characters of a piece fit on the spare keys."""
    piece = ""
    for char in text:
        if len(piece) >= PIECE or len({*piece, char}) > room:
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _keymap(display: Display) -> Keymap:
    info: Any = display.display.info
    first, count = info.min_keycode, info.max_keycode - info.min_keycode + 1
    rows = display.get_keyboard_mapping(first, count)
    return Keymap(first, [tuple(row) for row in rows], _state(display) >> _GROUP & 3)


def _take_over(display: Display) -> None:
    """Make XTEST's keyboard the one used last, so that the layout read is the one that counts.

    It has a layout of its own, which may not be that of the keys under somebody's fingers.
    A release of a key that is not down does that, and no window gets to see it.
    """
    from Xlib import X
    from Xlib.ext.xtest import fake_input

    spare = _keymap(display).spare
    fake_input(display, X.KeyRelease, spare[-1] if spare else display.display.info.max_keycode)
    display.sync()


def _state(display: Display) -> int:
    """Modifiers and group as events would have them now."""
    return int(display.screen().root.query_pointer().mask)


def _keymap_shift(display: Display) -> int:
    for keycode in display.get_modifier_mapping()[0]:
        if keycode:
            return int(keycode)
    raise SinkError("This keyboard has no Shift.")


def _wait_for_modifiers(display: Display) -> None:
    """Until nobody holds Shift, Ctrl, Alt or Super down: the text would be shortcuts."""
    until = time.monotonic() + HELD
    while held := _held(display):
        if time.monotonic() > until:
            raise SinkError(f"{' and '.join(held)} has been held down for {HELD:g} seconds.")
        time.sleep(0.02)


def _held(display: Display) -> list[str]:
    down = display.query_keymap()
    mapping = display.get_modifier_mapping()
    return [
        name
        for index, name in _MODIFIERS.items()
        if any(code and down[code // 8] & 1 << code % 8 for code in mapping[index])
    ]


def _focus(display: Display) -> Focus:
    from Xlib import X

    at = display.get_input_focus().focus
    if at == X.PointerRoot:  # without a window manager: the window under the pointer
        at = display.screen().root.query_pointer().child
    root = display.screen().root
    if not hasattr(at, "id") or at.id in (X.NONE, root.id):
        raise SinkError("No window has the focus.")
    window, program = at, ""
    while window and window.id != root.id:
        if names := window.get_wm_class():
            program = names[-1]
            break
        window = window.query_tree().parent
    if not program and _none_is_active(display):
        raise SinkError("No window has the focus.")
    return Focus(str(at.id), program)


def _none_is_active(display: Display) -> bool:
    """Whether a window manager says that none is: the focus is on a helper of its own then."""
    root = display.screen().root
    active = root.get_full_property(display.intern_atom("_NET_ACTIVE_WINDOW"), 0)
    return active is not None and not any(active.value)
