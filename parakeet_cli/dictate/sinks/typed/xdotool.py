"""Types with the program xdotool, if python-xlib is missing."""

from __future__ import annotations

from contextlib import suppress

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError

_LIMIT = 60.0  # seconds; it pauses after every key


class Xdotool:
    """xdotool releases held modifiers itself, and puts missing characters on a key one by one."""

    def probe(self) -> str:
        programs.probe("xdotool", "getmouselocation")
        return "xdotool is installed and reaches the display"

    def focus(self) -> Focus:
        try:
            window = programs.read(("xdotool", "getwindowfocus")).decode().strip()
        except SinkError as error:
            raise SinkError(f"No window has the focus. {error}") from None
        name = b""
        with suppress(SinkError):  # older versions don't have that command
            name = programs.read(("xdotool", "getwindowclassname", window))
        return Focus(window, name.decode("utf-8", "replace").strip())

    def type(self, text: str) -> None:
        programs.run(
            ("xdotool", "type", "--clearmodifiers", "--delay", "12", "--file", "-"),
            given=text.encode(),
            limit=_LIMIT,
            env={"LC_ALL": "C.UTF-8"},  # it reads the text in this encoding
        )

    def erase(self, count: int) -> None:
        programs.run(
            ("xdotool", "key", "--clearmodifiers", "--repeat", str(count), "BackSpace"),
            limit=_LIMIT,
        )

    def close(self) -> None:
        """Do nothing: xdotool restores the keyboard itself."""
