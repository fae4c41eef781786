from __future__ import annotations

import pytest

from parakeet_cli.cli.transcribe.summary import show_summary
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcript import (
    Accounting,
    Doubt,
    EngineInfo,
    FileResult,
    Source,
    Status,
    Transcript,
)


def shown(*doubts: Doubt) -> BatchStats:
    transcript = Transcript(
        Source("a\n.wav", 60.0),
        Accounting(),
        EngineInfo("mock", "none", "cpu", "0"),
        "en",
        (),
        doubts,
    )
    return BatchStats.of([FileResult("a\n.wav", Status.OK, transcript)])


def test_each_doubt_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_summary(
        shown(
            Doubt("levels", 0.0, 60.0, "it is far too loud"),
            Doubt("repetition", 12.345, 20.0, "the text repeats itself"),
        )
    )
    assert capsys.readouterr().err.splitlines() == [
        "Doubtful: a\\n.wav: 0.00 to 60.00 s: it is far too loud.",
        "Doubtful: a\\n.wav: 12.35 to 20.00 s: the text repeats itself.",
    ]


def test_without_a_doubt_nothing_is_shown_for_one_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_summary(shown())
    assert capsys.readouterr().err == ""
