"""Runs a command on a real terminal (a pty) and renders what a person sees there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

ROWS = 50
TIMEOUT = 300.0
CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Terminal:
    """A command on a terminal of its own: what it wrote, the keys to press, its exit code."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], columns: int) -> None:
        self.columns = columns
        self.written = ""
        self._pressed = 0  # how much was written before the last key
        self._keyboard, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.process = subprocess.Popen(
            list(command),
            stdin=far,
            stdout=far,
            stderr=far,
            env={**env, "TERM": "xterm"},
            cwd="/",
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(far)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._keyboard], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._keyboard, 65536)
        except OSError:  # the other side is closed
            return False
        self.written += data.decode("utf-8", errors="replace")
        return bool(data)

    def wait_for(self, text: str) -> None:
        """Wait until this was written after the last key."""
        end = time.monotonic() + TIMEOUT
        while text not in self.written[self._pressed :]:
            assert self._read(0.1), f"it ended before {text!r}:\n{self.written}"
            assert time.monotonic() < end, f"no {text!r} in:\n{self.written}"

    def press(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C, which the terminal itself handles."""
        self._pressed = len(self.written)
        os.write(self._keyboard, keys.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + TIMEOUT
        while self._read(0.1):
            if time.monotonic() > end:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end:\n{self.written}")
        os.close(self._keyboard)
        return self.process.wait()

    def lines(self) -> list[str]:
        """The screen as it is now, and all lines that have scrolled away."""
        return render(self.written, self.columns)


def render(written: str, columns: int) -> list[str]:
    """What a terminal of that width shows: with carriage returns, erasures and long lines."""
    rows: list[list[str]] = [[]]
    column = 0
    position = 0
    while position < len(written):
        if found := CONTROL.match(written, position):
            position = found.end()
            if found[2] == "K" and found[1] in ("", "0"):
                del rows[-1][column:]
            else:
                assert found[2] == "m", f"an unknown control sequence: {found[0]!r}"
            continue
        char = written[position]
        position += 1
        if char == "\r":
            column = 0
        elif char == "\n":
            rows.append([])
        elif char.isprintable():
            if column == columns:  # it wraps, and a return comes back to this new line only
                rows.append([])
                column = 0
            row = rows[-1]
            row += [" "] * (column + 1 - len(row))
            row[column] = char
            column += 1
    return ["".join(row).rstrip() for row in rows]
