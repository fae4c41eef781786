"""What fits on a terminal of so many columns."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from parakeet_cli import console
from parakeet_cli.cli.transcribe.progress import BarView
from parakeet_cli.cli.transcribe.summary import show_summary
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcript import (
    Accounting,
    EngineInfo,
    FileResult,
    LostInterval,
    Source,
    Status,
    Transcript,
)

NAME = "an interview [bold] with a rather long name \N{PARROT} 中文的录音.wav"


@pytest.fixture(params=[40, 80, 200])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    made = Console(
        file=io.StringIO(),
        width=request.param,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    monkeypatch.setattr(console, "rich_console", lambda: made)
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    return made


def shown(screen: Console) -> list[str]:
    assert isinstance(screen.file, io.StringIO)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", screen.file.getvalue())
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain) if line.strip()]
    assert all(cell_len(line) <= screen.width for line in lines), lines
    return lines


def test_the_bar_has_file_seconds_speed_and_time_left(
    screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", iter(range(1000)).__next__)
    job = Job(NAME, NAME)
    with BarView(3) as bar:
        bar.started(job, 59.0)
        bar.advanced(job, 30.0)
        bar.show_text("")
    line = shown(screen)[-1]
    assert ".wav" in line
    assert "30.0 s of 59.0 s" in line
    assert re.search(r"\d+\.\d×", line)
    assert re.search(r"\d+\.\d s left", line)
    assert ("1/3" in line) is (screen.width > 60)
    assert "…" in line or screen.width == 200


def test_the_table_has_every_file_with_its_result(screen: Console) -> None:
    lost = Accounting(59.0, "exact", 50.0, (LostInterval(50.0, 59.0, "cut off"),), 0)
    heard = Transcript(Source(NAME, 59.0), lost, EngineInfo("e", "m", "cpu", "1"), "en", ())
    results = [
        FileResult(NAME, Status.PARTIAL, heard, reason="9.00 s could not be heard"),
        FileResult("b.wav", Status.FAILED, reason="b.wav is empty."),
    ]
    show_summary(BatchStats.of(results))
    lines = shown(screen)
    assert re.fullmatch(r"File +Length +(Lost +)?Result", lines[0])
    assert re.fullmatch(r"an int.* 59\.0 s +(9\.0 s +)?partial", lines[2])
    assert re.fullmatch(r"b\.wav +- +(- +)?failed", lines[3])
    assert ("Lost" in lines[0]) is (screen.width > 60)
