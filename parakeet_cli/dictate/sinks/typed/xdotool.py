"""Keys through the program xdotool, where python-xlib is not there."""

from __future__ import annotations

import shutil
from contextlib import suppress

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError, SinkUnavailable

_LIMIT = 60.0  # seconds; it waits at every key


class Xdotool:
    """xdotool lets go of held modifiers itself, and puts characters on a key one by one."""

    def probe(self) -> str:
        if not shutil.which("xdotool"):
            raise SinkUnavailable("xdotool is not installed.", hint="Install xdotool.")
        try:
            programs.read(("xdotool", "getmouselocation"))
        except SinkError as error:
            raise SinkUnavailable(str(error)) from None
        return "xdotool is installed and reaches the display"

    def focus(self) -> Focus:
        try:
            window = programs.read(("xdotool", "getwindowfocus")).decode().strip()
        except SinkError as error:
            raise SinkError(f"No window has the focus. {error}") from None
        name = b""
        with suppress(SinkError):  # older ones know no class names
            name = programs.read(("xdotool", "getwindowclassname", window))
        return Focus(window, name.decode("utf-8", "replace").strip())

    def type(self, text: str) -> None:
        programs.run(
            ("xdotool", "type", "--clearmodifiers", "--delay", "12", "--file", "-"),
            given=text.encode(),
            limit=_LIMIT,
            env={"LC_ALL": "C.UTF-8"},  # by which it reads the text
        )

    def erase(self, count: int) -> None:
        programs.run(
            ("xdotool", "key", "--clearmodifiers", "--repeat", str(count), "BackSpace"),
            limit=_LIMIT,
        )

    def close(self) -> None:
        """xdotool puts the keyboard back itself."""
