from __future__ import annotations

import wave
from pathlib import Path

import pytest

from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.inputs.storage import name_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.run.schedule import longest_first, make_schedule, with_durations
from parakeet_cli.transcript import Status


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


def test_lengths_come_from_the_headers_and_the_longest_is_taken_first() -> None:
    for number in range(120):
        sound(f"{number:03}.wav", 0.1 + (number * 7 % 120) / 100)
    Path("broken.wav").write_bytes(b"no sound at all")
    items = plan(*(f"{number:03}.wav" for number in range(120)), "broken.wav")
    counts: list[int] = []
    ordered = longest_first(with_durations(items, cores=2, on_progress=counts.append))
    assert counts == list(range(1, 122))
    assert ordered[0].job.name == "broken.wav"
    lengths = [item.seconds for item in ordered[1:]]
    assert lengths == sorted((length for length in lengths if length), reverse=True)
    assert lengths[0] == pytest.approx(1.29)
    assert [item.number for item in items] == list(range(121))


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
