"""Shows short messages on the desktop, if it has a program for that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence


def _freedesktop(title: str, body: str) -> Sequence[str]:
    return ("notify-send", "--app-name=parakeet", title, body)


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
