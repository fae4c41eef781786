"""Shows short messages on the desktop, if it has a program for that."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

from parakeet_cli.dictate.sinks.lines import clean


def _freedesktop(title: str, body: str) -> Sequence[str]:
    """For notify-send, which takes `\\033` in the body for a character (g_strcompress).

    The desktop takes the body for markup:
    https://specifications.freedesktop.org/notification-spec/latest/markup.html
    """
    body = html.escape(body, quote=False).replace("\\", "\\\\")
    return ("notify-send", "--app-name=parakeet", "--", title, body)


def _macos(title: str, body: str) -> Sequence[str]:
    script = "display notification (item 2 of argv) with title (item 1 of argv)"
    script = f"on run argv\n{script}\nend run"
    return ("osascript", "-e", script, title, body)


# Each program that shows a message, and its arguments for title and body.
PROGRAMS: dict[str, Callable[[str, str], Sequence[str]]] = {
    "notify-send": _freedesktop,
    "osascript": _macos,
}


def show(title: str, body: str) -> bool:
    """Show it without waiting; returns whether a program for that was started."""
    title, body = clean(title), clean(body)
    for program, arguments in PROGRAMS.items():
        if shutil.which(program):
            try:
                subprocess.Popen(
                    arguments(title, body),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=sys.platform != "win32",
                )
            except OSError:
                continue
            return True
    return False
