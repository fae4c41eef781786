"""Keys that this process listens for itself, through pynput: the extra `hotkey`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from parakeet_cli.errors import ParakeetError, UsageError


@contextmanager
def keys(do: Callable[[str], object], *, toggle: str | None, hold: str | None) -> Iterator[None]:
    """While the block runs, `toggle` is pressed for each change and `hold` held to speak.

    Keys are written as pynput does, <ctrl>+<alt>+d or <f9>. `do` gets the verbs, in a
    thread of their own: a key must not wait for speech to be finished. Raises UsageError
    for a key that is none, ParakeetError without the extra or where keys can't be seen.
    """
    if toggle is None and hold is None:
        yield
        return
    keyboard = _pynput()
    verbs = _InOrder(do)
    hotkeys: list[Any] = []
    if toggle is not None:
        hotkeys.append(_Toggle(keyboard, _parsed(keyboard, toggle), verbs))
    if hold is not None:
        hotkeys.append(_Hold(_parsed(keyboard, hold), verbs))
    listener: Any = keyboard.Listener(
        on_press=lambda key: _all(hotkeys, "press", listener.canonical(key)),
        on_release=lambda key: _all(hotkeys, "release", listener.canonical(key)),
    )
    listener.start()
    listener.wait()
    try:
        yield
    finally:
        listener.stop()
        verbs.close()


def _pynput() -> Any:
    try:
        from pynput import keyboard
    except ModuleNotFoundError:
        raise ParakeetError(
            "--hotkey and --push-to-talk need pynput.", hint="pip install 'parakeet-cli[hotkey]'"
        ) from None
    except Exception as error:  # it connects when it is imported, and raises what X11 raises
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
            f"'{spelled}' is no key.", hint="Write it like <f9> or <ctrl>+<alt>+d."
        ) from None


def _all(hotkeys: list[Any], what: str, key: Any) -> None:
    for hotkey in hotkeys:
        getattr(hotkey, what)(key)


class _Toggle:
    """`toggle` once each time its keys are down together."""

    def __init__(self, keyboard: Any, wanted: frozenset[Any], verbs: _InOrder) -> None:
        hotkey = keyboard.HotKey(wanted, lambda: verbs.put("toggle"))
        self.press, self.release = hotkey.press, hotkey.release


class _Hold:
    """`start` when its keys are down together, `stop` when one of them is let go."""

    def __init__(self, wanted: frozenset[Any], verbs: _InOrder) -> None:
        self._wanted = wanted
        self._down: set[Any] = set()
        self._held = False
        self._verbs = verbs

    def press(self, key: Any) -> None:
        if key in self._wanted:
            self._down.add(key)
            if not self._held and self._down == self._wanted:  # else it is the key's repeat
                self._held = True
                self._verbs.put("start")

    def release(self, key: Any) -> None:
        self._down.discard(key)
        if self._held and key in self._wanted:
            self._held = False
            self._verbs.put("stop")


class _InOrder:
    """Verbs done one after the other in a thread of their own."""

    def __init__(self, do: Callable[[str], object]) -> None:
        from queue import SimpleQueue

        self._do = do
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
            self._do(verb)
