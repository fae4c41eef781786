"""Listens for keys in this process: grabbed under X11, by the portal, or through pynput."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from parakeet_cli.dictate.desktop.keys import KeyBinding, parse_keys
from parakeet_cli.errors import ParakeetError, UsageError
from parakeet_cli.system.install_command import install_command


@contextmanager
def hotkeys(
    run_verb: Callable[[str], object], *, toggle: str | None, hold: str | None
) -> Iterator[None]:
    """While the block runs, pressing `toggle` starts or stops, and holding `hold` listens.

    Keys are written as pynput writes them, <ctrl>+<alt>+d or <f9>. `run_verb` is called with
    each verb in a thread of its own: a key must not wait for speech to be transcribed. Raises
    UsageError for a key that doesn't exist, ParakeetError where keys can't be seen, or without
    the extra where that is needed.
    """
    if toggle is None and hold is None:
        yield
        return
    verbs = _VerbQueue(run_verb)
    try:
        with _listening(verbs, toggle, hold):
            yield
    finally:
        verbs.close()


def _listening(
    verbs: _VerbQueue, toggle: str | None, hold: str | None
) -> AbstractContextManager[object]:
    """What keeps the keys from windows, where there is such a thing."""
    if sys.platform != "linux":
        return _listening_by_pynput(verbs, toggle, hold)
    bindings = _bindings(verbs, toggle, hold)
    if os.environ.get("WAYLAND_DISPLAY"):
        from parakeet_cli.dictate.desktop.portal_keys import PortalKeys

        return PortalKeys(bindings)
    from parakeet_cli.dictate.desktop.x11_keys import X11Keys

    return X11Keys(bindings)


def _bindings(verbs: _VerbQueue, toggle: str | None, hold: str | None) -> list[KeyBinding]:
    bindings = []
    if toggle is not None:
        press = partial(verbs.put, "toggle")
        keys = parse_keys(toggle)
        bindings.append(KeyBinding("toggle", "Start or stop dictation", keys, press, _nothing))
    if hold is not None:
        keys = parse_keys(hold)
        press, release = partial(verbs.put, "start"), partial(verbs.put, "stop")
        bindings.append(KeyBinding("hold", "Dictate while it is held", keys, press, release))
    return bindings


def _nothing() -> None:
    """The end of a press that only its beginning matters of."""


@contextmanager
def _listening_by_pynput(verbs: _VerbQueue, toggle: str | None, hold: str | None) -> Iterator[None]:
    """The keys of Windows and macOS, which reach the window, too."""
    keyboard = _pynput()
    handlers: list[Any] = []
    if toggle is not None:
        handlers.append(_Toggle(keyboard, _parsed(keyboard, toggle), verbs))
    if hold is not None:
        handlers.append(_Hold(_parsed(keyboard, hold), verbs))
    listener: Any = keyboard.Listener(
        on_press=lambda key: _call_all(handlers, "press", listener.canonical(key)),
        on_release=lambda key: _call_all(handlers, "release", listener.canonical(key)),
    )
    listener.start()
    listener.wait()
    try:
        yield
    finally:
        listener.stop()


def _pynput() -> Any:
    try:
        from pynput import keyboard
    except ModuleNotFoundError:
        raise ParakeetError(
            "--hotkey and --push-to-talk need pynput.", hint=install_command("pynput")
        ) from None
    except Exception as error:  # importing it connects to X11, and raises X11's errors
        raise ParakeetError(
            f"Keys can't be seen here: {str(error).partition(chr(10))[0]}.",
            hint="Under Wayland, bind `parakeet dictate toggle` to a key of your desktop.",
        ) from error
    return keyboard


def _parsed(keyboard: Any, spelled: str) -> frozenset[Any]:
    try:
        return frozenset(keyboard.HotKey.parse(spelled))
    except ValueError:
        raise UsageError(
            f"There is no key '{spelled}'.", hint="Write it like <f9> or <ctrl>+<alt>+d."
        ) from None


def _call_all(handlers: list[Any], method: str, key: Any) -> None:
    for handler in handlers:
        getattr(handler, method)(key)


class _Toggle:
    """Runs `toggle` once each time its keys are down together."""

    def __init__(self, keyboard: Any, wanted: frozenset[Any], verbs: _VerbQueue) -> None:
        hotkey = keyboard.HotKey(wanted, lambda: verbs.put("toggle"))
        self.press, self.release = hotkey.press, hotkey.release


class _Hold:
    """Runs `start` when its keys are down together, `stop` when one of them is released."""

    def __init__(self, wanted: frozenset[Any], verbs: _VerbQueue) -> None:
        self._wanted = wanted
        self._down: set[Any] = set()
        self._held = False
        self._verbs = verbs

    def press(self, key: Any) -> None:
        if key in self._wanted:
            self._down.add(key)
            if not self._held and self._down == self._wanted:  # else the key repeats
                self._held = True
                self._verbs.put("start")

    def release(self, key: Any) -> None:
        self._down.discard(key)
        if self._held and key in self._wanted:
            self._held = False
            self._verbs.put("stop")


class _VerbQueue:
    """Runs verbs one after the other in a thread of its own."""

    def __init__(self, run_verb: Callable[[str], object]) -> None:
        from queue import SimpleQueue

        self._run_verb = run_verb
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, verb: str) -> None:
        self._waiting.put(verb)

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (verb := self._waiting.get()) is not None:
            self._run_verb(verb)
