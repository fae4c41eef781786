from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from parakeet_cli import console
from parakeet_cli.cli.transcribe import progress_lines
from parakeet_cli.cli.transcribe.progress_lines import JsonView, LinesView, file_in_words
from parakeet_cli.console import Verbosity
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcript import (
    Accounting,
    EngineInfo,
    FileResult,
    Source,
    Status,
    Transcript,
)

TRANSCRIPT = Transcript(
    Source("a.wav", 60.0), Accounting(60.0, "exact", 60.0), EngineInfo("m", "n", "c", "0"), "en", ()
)


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(progress_lines, "time", made)
    before = console.verbosity()
    console.set_verbosity(Verbosity())
    yield made
    console.set_verbosity(before)


def end(view: LinesView, count: int, status: Status = Status.OK) -> None:
    for number in range(count):
        job = Job(f"{number}.wav", f"{number}.wav")
        transcript = TRANSCRIPT if status is Status.OK else None
        view.ended(job, FileResult(job.name, status, transcript, reason=None))


def test_each_twentieth_of_the_files_has_a_line(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LinesView(1000)
    view.planned(60_000.0)
    clock.now += 10.0
    end(view, 90)
    end(view, 10, Status.FAILED)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("50 of 1000 files (5%): 50 done, 0 failed, RTFx 300.0, 5.0 files a")
    assert lines[1] == (
        "100 of 1000 files (10%): 90 done, 10 failed, RTFx 540.0, 10.0 files a second, 1:41 left."
    )


def test_files_of_an_earlier_session_count_and_have_no_speed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    view = LinesView(100, earlier=93)
    view.planned(0.0)  # which means that nobody knows
    clock.now += 2.0
    end(view, 2)
    assert capsys.readouterr().err == (
        "95 of 100 files (95%): 95 done, 0 failed, RTFx 60.0, 1.0 files a second, 5.0 s left.\n"
    )


def test_few_files_have_no_line_for_each(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    end(LinesView(4), 4)
    assert capsys.readouterr().err == ""


def test_a_line_comes_by_itself_though_nothing_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(LinesView, "seconds", 0.01)
    with LinesView(2) as view:
        seen = ""
        view.planned(60.0)
        view.advanced(Job("a", "a"), 30.0)
        while "0 of 2 files (0%): 0 done, 0 failed, RTFx" not in seen:
            seen += capsys.readouterr().err


def test_with_verbose_a_file_has_one_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbosity(Verbosity(verbose=True))
    end(LinesView(4), 1)
    assert capsys.readouterr().err == "0.wav: ok, 1:00\n"
    job = Job("b.wav", "b.wav")
    bad = FileResult("b.wav", Status.FAILED, reason="b.wav is empty.")
    assert file_in_words(job, bad) == "b.wav: failed, b.wav is empty."


def test_json_has_an_object_for_each_file_and_the_last_says_all(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with JsonView(3) as view:
        view.planned(180.0)
        clock.now += 10.0
        end(view, 2)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [one for one in events if one["event"] == "file"] == [
        {"event": "file", "file": f"{n}.wav", "status": "ok", "reason": None} for n in range(2)
    ]
    assert events[-1] == {
        "event": "progress",
        "total": 3,
        "done": 2,
        "failed": 0,
        "partial": 0,
        "left": 1,
        "audio_seconds": 120.0,
        "elapsed_seconds": 10.0,
        "rtfx": 12.0,
        "seconds_left": 5.0,
    }
