"""Shows a dictation: as JSON on stdout, as a live line on a terminal, or as plain lines."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from parakeet_cli import console
from parakeet_cli.cli.dictate.terminal_row import TerminalRow
from parakeet_cli.dictate.session.events import DictationView, Event, EventKind

if TYPE_CHECKING:
    from parakeet_cli.dictate.session.dictation import Dictation

_BARS = "▁▂▃▄▅▆▇█"
_REDRAW = 0.1  # seconds between two updates of the meter
_METER_RANGE = 60.0  # dB below full scale at which the meter is empty


class InteractiveView(DictationView, Protocol):
    """A view that may also read keys."""

    def keys(self, dictation: Dictation) -> AbstractContextManager[None]:
        """Let keys pause and stop the dictation while the block runs."""
        ...

    def stopped(self) -> AbstractContextManager[None]:
        """Leave the terminal to the shell while the block runs."""
        ...


@contextmanager
def make_view(*, as_json: bool, live: bool) -> Iterator[InteractiveView]:
    """The view that fits the places where stdout and stderr go."""
    if live and not as_json and console.shows_progress():
        with LiveLine() as line:
            yield line
    else:
        yield make_plain_view(as_json=as_json)


def make_plain_view(*, as_json: bool) -> InteractiveView:
    """The view for a daemon, for pipes and for logs."""
    return JsonLines() if as_json else PlainLines()


class PlainLines:
    """Errors and gaps on stderr, and every other event with --verbose."""

    def event(self, event: Event) -> None:
        if event.kind is EventKind.ERROR:
            console.note(event.text)
        elif event.kind is EventKind.GAP:
            console.note(_gap(event))
        elif event.kind is EventKind.READY:
            console.info(f"Listening to {console.shown_name(event.text)}. Ctrl-C ends.")
        elif console.verbosity().verbose:
            console.note(f"{event.t:.2f} s  {event.kind}  {event.text}".rstrip())

    def level(self, peak: float) -> None:
        """Not shown."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield

    @contextmanager
    def keys(self, dictation: Dictation) -> Iterator[None]:
        yield

    @contextmanager
    def stopped(self) -> Iterator[None]:
        yield


class JsonLines(PlainLines):
    """Every event on stdout, one JSON object a line."""

    def event(self, event: Event) -> None:
        console.raw_out(event.json_line)


class LiveLine(PlainLines):
    """One line on a terminal: the level, the state, and the partial text."""

    def __init__(self) -> None:
        self._console = console.rich_console()
        self._row = TerminalRow(self._console)
        self._peak = 0.0
        self._drawn = 0.0
        self._text = ("", "")
        self._state = "starting"
        self._dictation: Dictation | None = None
        self._reads_keys = False

    def __enter__(self) -> LiveLine:
        self._row.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._row.stop()

    def event(self, event: Event) -> None:
        match event.kind:
            case EventKind.READY:
                self._state = "listening"
            case EventKind.SPEECH_START:
                self._state = "speaking"
            case EventKind.PARTIAL:
                settled = str(event.details.get("settled", ""))
                rest = event.text.removeprefix(settled)
                self._text = (console.shown_name(settled), console.shown_name(rest))
            case EventKind.SPEECH_END:
                self._state = "listening"
            case EventKind.FINAL | EventKind.COMMAND | EventKind.RECOVERED:
                self._text = ("", "")
            case EventKind.ERROR | EventKind.GAP:
                with self.aside():
                    console.note(event.text if event.kind is EventKind.ERROR else _gap(event))
        self._draw()

    def level(self, peak: float) -> None:
        # It falls slowly, as meters do: one frame is too short to be seen.
        self._peak = max(peak, self._peak * 0.8)
        if time.monotonic() - self._drawn >= _REDRAW:
            self._draw()

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._row.stop()
        try:
            yield
        finally:
            self._row.start()

    @contextmanager
    def keys(self, dictation: Dictation) -> Iterator[None]:
        """Space pauses and q ends, if stdin is a terminal whose mode can be set."""
        self._dictation = dictation
        if not sys.stdin or not sys.stdin.isatty() or not _sets_terminal_modes():
            yield
            return
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        Thread(target=self._read_keys, args=(descriptor,), daemon=True).start()
        self._reads_keys = True
        self._draw()
        try:
            yield
        finally:
            self._reads_keys = False
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        with self.aside():
            yield
            if self._reads_keys:  # the shell has its own mode, and gives that back to us
                import tty

                tty.setcbreak(sys.stdin.fileno())

    def _read_keys(self, descriptor: int) -> None:
        assert self._dictation is not None
        while key := os.read(descriptor, 1):
            if key == b" ":
                self._dictation.pause(not self._dictation.paused)
                self._draw()  # while it is paused, no sound causes a redraw
            elif key in b"qQ\x04":
                self._dictation.stop()

    def _draw(self) -> None:
        from rich.text import Text

        self._drawn = time.monotonic()
        paused = self._dictation is not None and self._dictation.paused
        state = "paused" if paused else self._state
        writing = self._dictation is not None and self._dictation.is_writing
        if state == "listening" and writing:
            state = "writing"
        line = Text()
        line.append(f"{meter(0.0 if paused else self._peak)} ", style="green")
        line.append(f"{state:9} ", style="yellow" if paused else "bold")
        settled, rest = self._text
        if paused:
            line.append("space resumes, Ctrl-C ends", style="bright_black")
        elif settled or rest:
            room = max(8, self._console.width - 22)
            whole = len(settled) + len(rest)
            line.append(settled[max(0, whole - room) :], style="bright_black")
            line.append(rest[-room:], style="bright_black italic")
        else:
            words = "space pauses, Ctrl-C ends" if self._reads_keys else "Ctrl-C ends"
            line.append(words, style="bright_black")
        self._row.draw(line)


def _sets_terminal_modes() -> bool:
    """Whether keys can be read one by one: Windows lacks the module for it."""
    try:
        import termios  # noqa: F401
    except ImportError:
        return False
    return True


def meter(peak: float) -> str:
    """A peak, 0..1, as eight columns on a decibel scale."""
    loud = 0.0 if peak <= 0 else max(0.0, 1 + 20 * math.log10(peak) / _METER_RANGE)
    filled = min(8.0, loud * 8)
    return "".join(_BARS[min(7, int((filled - at) * 8))] if filled > at else " " for at in range(8))


def _gap(event: Event) -> str:
    seconds = float(event.details.get("seconds", 0.0))
    return f"Nothing was recorded for {console.clock(seconds)} ({event.text})."
