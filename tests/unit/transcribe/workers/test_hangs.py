from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.engines.silence import FLOOR_SECONDS, LOADING_SECONDS
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import Url
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.workers.hangs import Silence, Watch
from parakeet_cli.transcript import (
    Accounting,
    EngineInfo,
    FileResult,
    Source,
    Status,
    Transcript,
)

READY = Silence(loaded=True)


def item(seconds: float | None, path: str | Url = "/none.wav") -> PlannedFile:
    return PlannedFile(Job(str(path), path), (), seconds=seconds)


def measured(speed: float, *, reports_progress: bool = True) -> Watch:
    """A watch that has seen 1000 s of audio at that many times real time."""
    watch = Watch(reports_progress=reports_progress, _busy=1000 / speed)
    transcript = Transcript(
        Source("a", 1000.0, 16_000, 1),
        Accounting(decoded_seconds=1000.0),
        EngineInfo("mock", "mock", "cpu", "0"),
        None,
        (),
    )
    watch.add(FileResult("a", Status.OK, transcript))
    return watch


def test_a_short_file_is_allowed_little_more_than_the_floor_once_the_speed_is_known() -> None:
    assert measured(50.0).allowed(READY, [item(3.0)]) == pytest.approx(FLOOR_SECONDS, abs=1)


def test_before_that_the_engine_may_be_five_times_slower_than_real_time() -> None:
    assert Watch().allowed(READY, [item(3.0)]) > FLOOR_SECONDS + 3.0 * 5


def test_ten_hours_of_silence_may_be_decoded_though_no_chunk_comes() -> None:
    hours = measured(100.0).allowed(READY, [item(36_000.0)])
    assert FLOOR_SECONDS + 36_000 / 50 < hours < 3600


def test_an_actor_is_heard_of_only_at_the_end_of_a_file() -> None:
    watch = measured(1.0, reports_progress=False)
    assert watch.allowed(READY, [item(3600.0)]) > FLOOR_SECONDS + 3600


def test_a_model_may_be_downloaded_before_it_is_loaded() -> None:
    assert Watch().allowed(Silence(), [item(3.0)]) == LOADING_SECONDS


def test_a_file_of_unknown_length_is_judged_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(bytes(4_000_000))
    watch = measured(50.0)
    assert watch.allowed(READY, [item(None, str(path))]) > FLOOR_SECONDS + 1000 / 50
    far = Url("s3://b/a.wav", "s3://b", state=(60_000_000, ""))
    assert watch.allowed(READY, [item(10.0, far)]) > FLOOR_SECONDS + 60 + 100  # if it stalls


def test_a_worker_hangs_once_it_is_silent_for_longer_than_its_files_allow() -> None:
    watch, silence = measured(50.0), Silence(loaded=True)
    watch.now = FLOOR_SECONDS + 10
    assert watch.hangs(silence, [item(3600.0)]) is None
    assert watch.hangs(silence, [item(3.0)]) == watch.now
    silence.hung = watch.now
    assert watch.hangs(silence, [item(3.0)]) is None  # it was ended, and its death is on the way


def test_the_silence_of_a_worker_that_hangs_does_not_make_the_others_look_slow() -> None:
    watch, busy = measured(50.0), Silence(loaded=True)
    before = watch.allowed(READY, [item(3.0)])
    watch.now += 1000.0
    assert watch.allowed(READY, [item(3.0)]) == before
    watch.heard_of(busy, busy=True)
    assert busy.since == watch.now
    assert watch.allowed(READY, [item(3.0)]) > before  # it was slow, as is known by now
