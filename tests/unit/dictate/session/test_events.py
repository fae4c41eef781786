from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parakeet_cli.dictate.session.events import Event, EventKind, EventReporter


class RecordingView:
    """Records what it is shown, in order."""

    def __init__(self) -> None:
        self.shown: list[Event | float | str] = []

    def event(self, event: Event) -> None:
        self.shown.append(event)

    def level(self, peak: float) -> None:
        self.shown.append(peak)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.shown.append("aside")
        yield
        self.shown.append("back")


def test_an_event_is_one_line_of_json_with_its_details_last() -> None:
    event = Event(EventKind.FINAL, 1.23456, 1e9 + 0.5, "Grün\nund blau.", {"engine_seconds": 0.25})
    assert event.json_line.endswith("\n")
    assert event.json_line.count("\n") == 1
    assert "Grün" in event.json_line
    assert list(json.loads(event.json_line).items()) == [
        ("event", "final"),
        ("t", 1.235),
        ("wall", 1e9 + 0.5),
        ("text", "Grün\nund blau."),
        ("engine_seconds", 0.25),
    ]


def test_what_a_terminal_would_obey_is_escaped_in_an_event() -> None:
    text = "so\x1b[31m\x9d\u202e\u2066\x7f."
    line = Event(EventKind.FINAL, 1.0, 1e9, text).json_line
    assert line.isascii()
    assert line.rstrip("\n").isprintable()
    assert json.loads(line)["text"] == text


def test_an_event_has_the_stream_s_time_unless_it_is_given() -> None:
    view = RecordingView()
    reporter = EventReporter(view, lambda: 7.5)
    reporter.report(EventKind.READY, "mic")
    reporter.report(EventKind.GAP, at=2.0, wall=1e9, seconds=0.5)
    now, earlier = view.shown
    assert isinstance(now, Event)
    assert (now.kind, now.t, now.text, now.details) == (EventKind.READY, 7.5, "mic", {})
    assert now.wall == pytest.approx(time.time(), abs=60)
    assert earlier == Event(EventKind.GAP, 2.0, 1e9, "", {"seconds": 0.5})


def test_nothing_is_reported_while_a_sink_writes() -> None:
    view = RecordingView()
    reporter = EventReporter(view, lambda: 0.0)
    with reporter.aside():
        view.shown.append("the sink's text")
        reporter.level(0.5)  # the level is not a line
    assert view.shown == ["aside", "the sink's text", 0.5, "back"]
