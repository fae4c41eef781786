"""Types with X11's XTEST extension; characters that no key has go on spare keycodes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parakeet_cli.dictate.sinks.typed.base import Focus, wait_for_release
from parakeet_cli.dictate.sinks.typed.keymap import BACKSPACE, CAPS_LOCK, Keymap, Stroke, keysym
from parakeet_cli.errors import SinkError, SinkUnavailable
from parakeet_cli.system.install_command import install_command

if TYPE_CHECKING:
    from Xlib.display import Display

PIECE = 20  # characters between two checks of the focus and the modifiers
PACE = 0.003  # seconds a character, so that windows on slow machines keep up
SETTLE = 0.5  # seconds within which a window reads its keys, before they get another meaning
_MODIFIERS = {0: "Shift", 2: "Ctrl", 3: "Alt", 5: "Mod3", 6: "Super", 7: "AltGr"}
_LOCK = 1 << 1  # Caps Lock's bit in a state
_GROUP = 13  # where the two bits of the group are in it


class XTest:
    """Presses the keys that have the characters on this layout.

    Other characters are put on spare keycodes, as many at once as there are. They stay there
    for the next text, because a slow window looks up a key's meaning only when it reads the
    key. `close` removes them.
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
                "python-xlib is not installed.", hint=install_command("python-xlib")
            ) from None
        try:
            display = Display()
        except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError):
            raise SinkUnavailable(f"The X11 display {name} doesn't answer.") from None
        if not display.has_extension("XTEST"):
            display.close()
            raise SinkUnavailable(f"The X11 display {name} has no XTEST.")
        self._display = display
        only = ", which reaches X11's windows only" if os.environ.get("WAYLAND_DISPLAY") else ""
        return f"the X11 display {name} has XTEST{only}"

    def focus(self) -> Focus:
        with self._connected() as display:
            return _focus(display)

    def type(self, text: str) -> None:
        with self._connected() as display:
            window = _focus(display)
            _take_over(display)
            with self._without_caps_lock(display):
                for piece in _pieces(text, self._room(display)):
                    wait_for_release(lambda: _held(display))
                    if _focus(display) != window:
                        raise SinkError(
                            "The focus moved to another window before the text was complete."
                        )
                    for stroke in self._strokes(display, piece):
                        self._press(display, stroke)

    def erase(self, count: int) -> None:
        with self._connected() as display:
            wait_for_release(lambda: _held(display))
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
            return  # the server is gone, and its keyboard too

    @contextmanager
    def _connected(self) -> Iterator[Display]:
        """The display; after a server was lost, a new connection is tried."""
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
        """Our characters that a change of layout hasn't removed."""
        keymap = _keymap(display)
        self._bound = {
            char: keycode for char, keycode in self._bound.items() if keymap.means(keycode, char)
        }
        return self._bound

    def _strokes(self, display: Display, piece: str) -> list[Stroke]:
        """The keys for each character; first, characters that no key has go on spare ones."""
        keymap = _keymap(display)
        bound = self._still_bound(display)
        missing = [char for char in dict.fromkeys(piece) if keymap.stroke(char) is None]
        for char in piece:  # what is used now will be replaced last
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
                raise SinkError(f"This keyboard has no spare key for '{char}'.")
            keycode = spare.pop()
            name = keysym(char)
            display.change_keyboard_mapping(keycode, [(name, name)])
            bound[char] = keycode
        if missing:
            display.sync()
            keymap = _keymap(display)
        strokes = [keymap.stroke(char) for char in piece]
        if None in strokes:
            raise SinkError("The keyboard's layout changed in the middle of the text.")
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
        """Switch Caps Lock off during the block, with its own key."""
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
    """Turns the errors of an X server into SinkErrors."""
    from Xlib.error import ConnectionClosedError, XError

    try:
        yield
    except (ConnectionClosedError, OSError):
        raise SinkError("The connection to the X server was lost.") from None
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
    """Make XTEST's keyboard the one used last, so that its layout is the one that is read.

    Its layout may differ from that of the physical keyboard. Releasing a key that is not
    down is enough, and no window notices.
    """
    from Xlib import X
    from Xlib.ext.xtest import fake_input

    spare = _keymap(display).spare
    fake_input(display, X.KeyRelease, spare[-1] if spare else display.display.info.max_keycode)
    display.sync()


def _state(display: Display) -> int:
    """Modifiers and group, as an event would have them now."""
    return int(display.screen().root.query_pointer().mask)


def _keymap_shift(display: Display) -> int:
    for keycode in display.get_modifier_mapping()[0]:
        if keycode:
            return int(keycode)
    raise SinkError("This keyboard has no Shift.")


def _held(display: Display) -> str:
    """The modifiers that are held down: Shift, Ctrl and Alt."""
    down = display.query_keymap()
    mapping = display.get_modifier_mapping()
    return " and ".join(
        name
        for index, name in _MODIFIERS.items()
        if any(code and down[code // 8] & 1 << code % 8 for code in mapping[index])
    )


def _focus(display: Display) -> Focus:
    from Xlib import X

    at = display.get_input_focus().focus
    if at == X.PointerRoot:  # without a window manager, the window under the pointer has it
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
    """Whether a window manager says so; the focus is then on a helper window of its own."""
    root = display.screen().root
    active = root.get_full_property(display.intern_atom("_NET_ACTIVE_WINDOW"), 0)
    return active is not None and not any(active.value)
