from __future__ import annotations

import wave
from pathlib import Path

import pytest
import soxr

from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.inputs.storage import name_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.plan.schedule import (
    make_schedule,
    with_durations,
    with_known_duration,
)
from parakeet_cli.transcript import Status
from tests.media_files import RECIPES, speech, write_media


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def sound(name: str, seconds: float) -> str:
    with wave.open(name, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * 16_000)))
    return name


def plan(*names: str, formats: str = "txt,srt") -> list[PlannedFile]:
    return plan_outputs(find_jobs(names), expand_formats([formats]), "out", "{filename}")


def test_lengths_come_from_the_headers_in_the_order_of_the_inputs() -> None:
    for number in range(30):
        sound(f"{number:03}.wav", 0.1 + (number * 7 % 30) / 100)
    Path("broken.wav").write_bytes(b"no sound at all")
    Path("folder.wav").mkdir()
    items = plan(*(f"{number:03}.wav" for number in range(30)), "broken.wav", "none.wav")
    measured = list(with_durations(items, cores=2))
    assert [item.number for item in measured] == list(range(32))
    lengths = [item.seconds for item in measured]
    assert lengths[:30] == pytest.approx([0.1 + (n * 7 % 30) / 100 for n in range(30)], abs=1e-4)
    assert lengths[30:] == [None, None]


def test_libav_is_asked_for_what_our_own_readers_do_not_know(tmp_path: Path) -> None:
    recipe = RECIPES["wma"]
    write_media(tmp_path / "b.wma", soxr.resample(speech(1), 16_000, recipe.rate), recipe)
    items = plan(sound("a.wav", 2.0), "b.wma", sound("c.wav", 3.0))
    assert [with_known_duration(item)[1] for item in items] == [True, False, True]
    lengths = [item.seconds for item in with_durations(items, cores=2)]
    assert lengths == pytest.approx([2.0, 1.0, 3.0], abs=0.2)


def test_a_part_of_a_recording_is_as_long_as_the_part() -> None:
    sound("a.wav", 5.0)
    Path("m.jsonl").write_text(
        '{"audio_filepath": "a.wav", "offset": 1.5, "duration": 2.0}\n'
        '{"audio_filepath": "a.wav", "offset": 4.0}\n'
    )
    items = plan_outputs(find_jobs(["m.jsonl"]), (), ".", "{filename}")
    assert [item.seconds for item in with_durations(items, cores=1)] == [2.0, 1.0]


def test_refused_and_skipped_files_are_known_before_anything_starts() -> None:
    items = plan(sound("a.wav", 1), sound("b.wav", 1), sound("c.wav", 1), "in/none*")
    Path("out").mkdir()
    for there in ("b.txt", "c.txt", "c.srt"):
        Path("out", there).touch()
    refusing = make_schedule(items, PipelineOptions())
    assert [item.job.name for item in refusing.todo] == ["a.wav"]
    assert [result.status for _, result in refusing.settled] == [Status.FAILED] * 3
    skipping = make_schedule(items, PipelineOptions(skip_existing=True))
    assert [[name_of(path) for _, path in item.paths] for item in skipping.todo] == [
        ["a.txt", "a.srt"],
        ["b.srt"],
    ]
    assert [result.status for _, result in skipping.settled] == [Status.SKIPPED, Status.FAILED]
    assert all(item.replaces for item in skipping.todo)
