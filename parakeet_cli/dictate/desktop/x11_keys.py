"""Grabs keys under X11, so that no window gets them, and says when they go down and up."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from queue import SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

from parakeet_cli.dictate.desktop.keys import KeyBinding
from parakeet_cli.errors import ParakeetError, UsageError

_MODIFIER_BITS = 0xFF  # of an event's state; the others are buttons and the layout
_ACTION = 1.0  # seconds that the X server may take
_HELD_POLL = 0.02  # seconds between two looks whether a key that is held is still down
# The keysyms that show which of the eight modifier bits a modifier has here.
_KEYSYMS = {
    "CTRL": ("Control_L", "Control_R"),
    "SHIFT": ("Shift_L", "Shift_R"),
    "ALT": ("Alt_L", "Alt_R"),
    "LOGO": ("Super_L", "Super_R"),
}
_NUM_LOCK, _SCROLL_LOCK = "Num_Lock", "Scroll_Lock"

_active: list[X11Keys] = []  # in this process
_active_lock = Lock()


class X11Keys:
    """Bindings that work while the block runs."""

    def __init__(self, bindings: Sequence[KeyBinding]) -> None:
        """Raises UsageError for a key that the keyboard lacks, ParakeetError for one in use."""
        from Xlib.display import Display

        try:
            self._display: Any = Display()
        except Exception as error:  # python-xlib raises errors of many kinds
            raise ParakeetError(f"Keys can't be seen here: {error}.") from error
        self._root = self._display.screen().root
        # By the code of the key, and the bits of the modifiers with it.
        self._bindings = {(self._keycode(one), self._mask(one)): one for one in bindings}
        self._held: tuple[int, int] | None = None  # the one that is down
        self._closed = Flag()
        self._actions: SimpleQueue[tuple[Callable[[], object], Flag]] = SimpleQueue()
        self._waking, self._wake = os.pipe()

    def __enter__(self) -> X11Keys:
        try:
            self._grab()
        except BaseException:
            self._display.close()
            raise
        self._thread = Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()
        with _active_lock:
            _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with _active_lock:
            _active.remove(self)
        self._closed.set()
        os.write(self._wake, b"\n")
        self._thread.join()
        os.close(self._wake)
        os.close(self._waking)
        with suppress(Exception):  # the X server may be gone
            self._set_repeat(on=True)
            self._display.close()  # which ends the grabs

    def let_go(self) -> None:
        """Let windows have the keyboard, though a key of ours is down."""
        self._do_in_thread(lambda: self._display.ungrab_keyboard(0))

    def take_back(self) -> None:
        """Keep the key that is down from windows again."""
        self._do_in_thread(self._grab_keyboard)

    def _grab_keyboard(self) -> None:
        from Xlib import X

        if self._held is not None:
            self._root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, 0)

    def _do_in_thread(self, action: Callable[[], object]) -> None:
        """Have the thread that reads the display do it, and wait for that."""
        done = Flag()
        self._actions.put((action, done))
        os.write(self._wake, b"\n")
        done.wait(_ACTION)

    def _keycode(self, binding: KeyBinding) -> int:
        from Xlib import XK

        XK.load_keysym_group("xf86")
        key = binding.keys.key
        keysym = XK.string_to_keysym(key) or (_of_character(key) if len(key) == 1 else 0)
        code = self._display.keysym_to_keycode(keysym) if keysym else 0
        if not code:
            raise UsageError(f"This keyboard has no key '{binding.keys.spelled}'.")
        return int(code)

    def _mask(self, binding: KeyBinding) -> int:
        mask = 0
        for name in binding.keys.modifiers:
            bits = [bit for keysym in _KEYSYMS[name] if (bit := self._modifier_bit(keysym))]
            if not bits:
                raise UsageError(f"This keyboard lacks a key of '{binding.keys.spelled}'.")
            mask |= bits[0]
        return mask

    def _modifier_bit(self, keysym: str) -> int:
        """The bit of the modifier that a key is, 0 if it is none."""
        from Xlib import XK

        code = self._display.keysym_to_keycode(XK.string_to_keysym(keysym))
        for index, codes in enumerate(self._display.get_modifier_mapping()):
            if code and code in codes:
                return 1 << index
        return 0

    def _grab(self) -> None:
        from Xlib import X, error

        refused = error.CatchError(error.BadAccess)
        for (code, mask), binding in self._bindings.items():
            for locks in self._lock_masks():
                self._root.grab_key(
                    code, mask | locks, False, X.GrabModeAsync, X.GrabModeAsync, onerror=refused
                )
            self._display.sync()
            if refused.get_error() is not None:
                raise ParakeetError(
                    f"The key '{binding.keys.spelled}' belongs to another program.",
                    hint="Choose another one, or take it from that program.",
                )
        self._set_repeat(on=False)

    def _lock_masks(self) -> list[int]:
        """Every combination of the locks, which mustn't change what a key does."""
        from Xlib import X

        bits = {X.LockMask, self._modifier_bit(_NUM_LOCK), self._modifier_bit(_SCROLL_LOCK)} - {0}
        return [sum(some) for count in range(len(bits) + 1) for some in combinations(bits, count)]

    def _set_repeat(self, *, on: bool) -> None:
        """Whether a key that is ours alone repeats: a repetition would take the keyboard again."""
        from Xlib import X

        mode = X.AutoRepeatModeDefault if on else X.AutoRepeatModeOff
        for code, mask in self._bindings:
            if not mask:
                self._display.change_keyboard_control(key=code, auto_repeat_mode=mode)
        self._display.sync()

    def _run(self) -> None:
        with suppress(Exception):  # the X server has ended, and with it the session
            while not self._closed.is_set():
                while self._display.pending_events():
                    self._handle(self._display.next_event())
                self._check_held()
                limit = _HELD_POLL if self._held is not None else None
                ready, _, _ = select.select([self._display.fileno(), self._waking], [], [], limit)
                if self._waking in ready:
                    os.read(self._waking, 64)
                    self._act()

    def _act(self) -> None:
        while not self._actions.empty():
            action, done = self._actions.get()
            action()
            self._display.sync()
            done.set()

    def _handle(self, event: Any) -> None:
        from Xlib import X

        if event.type != X.KeyPress or self._held is not None:
            return
        pressed = (event.detail, event.state & _MODIFIER_BITS & ~max(self._lock_masks()))
        if (binding := self._bindings.get(pressed)) is not None:
            self._held = pressed
            binding.pressed()

    def _check_held(self) -> None:
        """Notice the end of a press by the keys that are down: a repeated key goes up and down."""
        if self._held is None:
            return
        code, mask = self._held
        down = self._display.query_keymap()
        if not (_is_down(code, down) and self._modifiers_are_down(mask, down)):
            binding, self._held = self._bindings[self._held], None
            binding.released()

    def _modifiers_are_down(self, mask: int, down: Sequence[int]) -> bool:
        mapping = self._display.get_modifier_mapping()
        return all(
            any(_is_down(key, down) for key in mapping[index] if key)
            for index in range(8)
            if mask & 1 << index
        )


def _is_down(code: int, down: Sequence[int]) -> bool:
    return bool(down[code >> 3] & 1 << (code & 7))


@contextmanager
def keyboard_for_windows() -> Iterator[None]:
    """Keys that are pressed for the user reach a window while the block runs.

    A key that is held to speak keeps the whole keyboard from windows.
    """
    with _active_lock:
        active = list(_active)
    for keys in active:
        keys.let_go()
    try:
        yield
    finally:
        for keys in active:
            keys.take_back()


def _of_character(character: str) -> int:
    """The keysym of a character: Latin-1's are its code, others have 0x1000000 added."""
    code = ord(character)
    return code if code < 0x100 else 0x1000000 + code
