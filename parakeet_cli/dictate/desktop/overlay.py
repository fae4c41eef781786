"""Shows a dictation in one line over the desktop: a notification that is replaced in its place.

https://specifications.freedesktop.org/notification-spec/latest/
"""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from parakeet_cli.dictate.desktop.bus import Bus, BusError
from parakeet_cli.dictate.session.events import DictationView, Event, EventKind
from parakeet_cli.dictate.sinks.lines import clean

_SERVICE = "org.freedesktop.Notifications"
_WHERE = (_SERVICE, "/org/freedesktop/Notifications", _SERVICE)
_LENGTH = 90  # characters of the text: its end is what was spoken last
_SECONDS = 30  # that it is shown where nothing happens
_BETWEEN = 0.25  # seconds at least between two replacements
_HINTS: Mapping[str, tuple[str, Any]] = {
    "transient": ("b", True),  # it goes into no list of notifications
    "urgency": ("y", 0),
    "x-canonical-private-synchronous": ("s", "parakeet"),  # in its place, for those who know it
}
_TITLES = {
    EventKind.READY: "Listening",
    EventKind.SPEECH_START: "Listening",
    EventKind.PARTIAL: "Listening",
    EventKind.SPEECH_END: "Writing",
    EventKind.FINAL: "Written",
    EventKind.ERROR: "Dictation",
}

_log = logging.getLogger(__name__)


class OverlayView:
    """Passes everything to a view, and shows it in the line too, in a thread, until `close`."""

    def __init__(self, view: DictationView) -> None:
        self._view = view
        self._lines: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="overlay", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        self._view.event(event)
        if (title := _TITLES.get(event.kind)) is not None:
            self._lines.put((title, event.text if event.kind is not EventKind.READY else ""))

    def level(self, peak: float) -> None:
        self._view.level(peak)

    def aside(self) -> AbstractContextManager[None]:
        return self._view.aside()

    def close(self) -> None:
        """Remove the line."""
        self._lines.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            bus = Bus()
        except BusError as error:
            _log.warning("--overlay shows nothing: %s", error)
            return
        shown = 0
        try:
            while (line := self._newest()) is not None:
                shown = _show(bus, shown, *line)
            if shown:
                bus.call(_WHERE, "CloseNotification", "u", shown)
        except BusError as error:
            _log.warning("--overlay shows nothing more: %s", error)
        finally:
            bus.close()

    def _newest(self) -> tuple[str, str] | None:
        """The last line that there is; None at the end."""
        line = self._lines.get()
        try:
            while line is not None:
                line = self._lines.get(timeout=_BETWEEN)
        except Empty:
            return line
        return None


def _show(bus: Bus, replaced: int, title: str, text: str) -> int:
    """Show it in the place of that notification; its number."""
    text = clean(text).strip()
    if len(text) > _LENGTH:
        text = f"…{text[-_LENGTH:]}"
    body = html.escape(text, quote=False)  # desktops take it for markup
    arguments: tuple[Any, ...] = (
        "parakeet",
        replaced,
        "audio-input-microphone",
        title,
        body,
        [],
        _HINTS,
    )
    (number,) = bus.call(_WHERE, "Notify", "susssasa{sv}i", *arguments, _SECONDS * 1000)
    return int(number)
