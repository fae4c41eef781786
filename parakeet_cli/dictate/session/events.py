"""The events of a dictation, and the view that shows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Any, Protocol

from parakeet_cli.formats.json import dumps


class EventKind(StrEnum):
    """The values of "event" in the output of --json."""

    READY = "ready"  # sound is being recorded
    SPEECH_START = "speech_start"
    PARTIAL = "partial"
    SPEECH_END = "speech_end"
    FINAL = "final"  # the text was delivered
    COMMAND = "command"
    GAP = "gap"
    ERROR = "error"
    RECOVERED = "recovered"  # a final of an earlier dictation


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `t` is in seconds of the stream, `wall` in seconds since 1970.

    `speech_start` and `speech_end` have the time in the stream at which speech begins and
    ends; all other events have the stream's time when they happened.
    """

    kind: EventKind
    t: float
    wall: float
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def json_line(self) -> str:
        content = {
            "event": self.kind,
            "t": round(self.t, 3),
            "wall": round(self.wall, 3),
            "text": self.text,
            **self.details,
        }
        return dumps(content) + "\n"


class DictationView(Protocol):
    """Shows a dictation. Called from several threads, one at a time."""

    def event(self, event: Event) -> None: ...

    def level(self, peak: float) -> None:
        """Show how loud the sound is, 0..1."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Make room while a sink writes, perhaps to the same terminal."""
        ...


class EventReporter:
    """Reports events to a view, one at a time. `stream_time` is the stream's present second."""

    def __init__(self, view: DictationView, stream_time: Callable[[], float]) -> None:
        self._view = view
        self._stream_time = stream_time
        self._lock = Lock()

    def report(
        self,
        kind: EventKind,
        text: str = "",
        *,
        at: float | None = None,
        wall: float | None = None,
        **details: Any,
    ) -> None:
        """Report an event that happens now, or at that time of the stream."""
        t = self._stream_time() if at is None else at
        with self._lock:
            self._view.event(Event(kind, t, wall or time.time(), text, details))

    def level(self, peak: float) -> None:
        """Show how loud the sound is, 0..1."""
        self._view.level(peak)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Report nothing while a sink writes."""
        with self._lock, self._view.aside():
            yield
