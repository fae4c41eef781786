from __future__ import annotations

import re
from dataclasses import replace

import pytest

from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.run.stats import MAX_LISTED, BatchStats
from parakeet_cli.transcript import (
    Accounting,
    Doubt,
    EngineInfo,
    FileResult,
    Segment,
    Source,
    Status,
    Transcript,
)

TRANSCRIPT = Transcript(
    Source("a.wav", 60.0, 16_000, 1),
    Accounting(60.0, "exact", 60.0),
    EngineInfo("mock", "none", "cpu", "0"),
    "en",
    (Segment(0.0, 1.0, "One."),),
)


def result(name: str, status: Status, transcript: Transcript | None = None) -> FileResult:
    return FileResult(name, status, transcript)


def test_results_are_listed_in_the_order_of_the_inputs_without_their_segments() -> None:
    stats = BatchStats(3)
    stats.add(2, result("c", Status.FAILED))
    stats.add(0, result("a", Status.OK, TRANSCRIPT))
    stats.add(1, result("b", Status.SKIPPED))
    assert [one.source for one in stats.listed] == ["a", "b", "c"]
    assert stats.listed[0].transcript is not None
    assert stats.listed[0].transcript.segments == ()
    assert stats.listed[0].transcript.source == TRANSCRIPT.source


def test_of_a_long_batch_the_doubtful_are_listed_too() -> None:
    count = MAX_LISTED + 1
    results = [result(str(number), Status.OK, TRANSCRIPT) for number in range(count)]
    doubt = Doubt("levels", 0.0, 1.0, "it is clipped")
    results[5] = result("5", Status.OK, replace(TRANSCRIPT, doubts=(doubt,)))
    assert [one.source for one in BatchStats.of(results).listed] == ["5"]


def test_of_a_long_batch_only_those_that_went_wrong_are_listed() -> None:
    count = MAX_LISTED + 1
    results = [result(str(number), Status.OK) for number in range(count)]
    results[7] = result("7", Status.PARTIAL)
    results[9] = result("9", Status.FAILED)
    stats = BatchStats.of(results)
    assert [one.source for one in stats.listed] == ["7", "9"]
    assert (stats.total, stats.done) == (count, count - 1)
    assert len(BatchStats.of(results[:MAX_LISTED]).listed) == MAX_LISTED


@pytest.mark.parametrize(
    ("statuses", "strict", "lenient"),
    [
        ([], ExitCode.OK, ExitCode.OK),
        ([Status.OK, Status.SKIPPED], ExitCode.OK, ExitCode.OK),
        ([Status.OK, Status.PARTIAL], ExitCode.FAILED, ExitCode.OK),
        ([Status.OK, Status.FAILED], ExitCode.FAILED, ExitCode.FAILED),
    ],
)
def test_the_exit_code_is_that_of_the_worst_file(
    statuses: list[Status], strict: ExitCode, lenient: ExitCode
) -> None:
    stats = BatchStats.of(result("a", status) for status in statuses)
    assert stats.exit_code(allow_partial=False) is strict
    assert stats.exit_code(allow_partial=True) is lenient


def test_the_summary_counts_the_files_and_the_audio() -> None:
    stats = BatchStats.of(
        [
            result("a", Status.OK, TRANSCRIPT),
            result("b", Status.OK, TRANSCRIPT),
            result("c", Status.FAILED),
        ]
    )
    stats.began -= 10.0
    files, audio = stats.summary()
    assert files == "3 files: 2 ok, 1 failed."
    assert re.fullmatch(r"2:00 of audio in 10\.\d s: RTFx 1[12]\.\d\.", audio)


def test_without_audio_the_summary_has_no_speed() -> None:
    stats = BatchStats.of([result("a", Status.SKIPPED)])
    stats.began -= 10.0
    assert stats.summary() == ["1 files: 1 skipped."]
