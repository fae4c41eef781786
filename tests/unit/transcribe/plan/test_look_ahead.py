from __future__ import annotations

import os
import wave
from pathlib import Path
from threading import Event

import pytest

from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.plan import look_ahead
from parakeet_cli.transcribe.plan.look_ahead import LookAhead
from parakeet_cli.transcribe.plan.schedule import with_known_duration


def sound(path: Path, seconds: float) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * 16_000)))
    return str(path)


def planned(number: int, path: str) -> PlannedFile:
    return PlannedFile(Job(path, path), (), number)


@pytest.fixture
def recordings(tmp_path: Path) -> list[PlannedFile]:
    """100 recordings of different lengths, and a file that is none."""
    lengths = [0.1 + (number * 37 % 100) / 50 for number in range(100)]
    paths = [sound(tmp_path / f"{n:03}.wav", length) for n, length in enumerate(lengths)]
    (tmp_path / "none.wav").write_bytes(b"no sound at all")
    return [planned(n, path) for n, path in enumerate([*paths, str(tmp_path / "none.wav")])]


def test_the_longest_comes_first_and_what_is_unknown_before_it(
    recordings: list[PlannedFile],
) -> None:
    with LookAhead(recordings, cores=2) as ahead:
        items = list(ahead)
    assert items[0].job.name.endswith("none.wav")
    lengths = [item.seconds or 0.0 for item in items[1:]]
    assert lengths == sorted(lengths, reverse=True)
    assert {item.number for item in items} == set(range(101))
    assert ahead.complete
    assert ahead.seconds == pytest.approx(sum(lengths))


def test_no_file_waits_for_a_header_that_takes_long(
    recordings: list[PlannedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()

    def slow(item: PlannedFile) -> tuple[PlannedFile, bool]:
        if item.number >= 2:
            go_on.wait()
        return with_known_duration(item)

    monkeypatch.setattr(look_ahead, "with_known_duration", slow)
    monkeypatch.setattr(look_ahead, "_FIRST_SECONDS", 0.0)
    with LookAhead(recordings, cores=1) as ahead:
        found = [item.number for item in ahead]
        assert not go_on.is_set()
        go_on.set()
    assert sorted(found) == list(range(101))
    assert ahead.complete


def test_headers_are_read_only_so_far_ahead(
    recordings: list[PlannedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_ahead, "MAX_KNOWN", 10)
    monkeypatch.setattr(look_ahead, "_ENOUGH", 10)
    with LookAhead(recordings, cores=1) as ahead:
        ahead.wait_for_enough()
        assert not ahead.complete
        mean = sum(0.1 + (number * 37 % 100) / 50 for number in range(10)) / 10
        assert ahead.seconds == pytest.approx(101 * mean)  # as if all were like those
        items = list(ahead)
    assert {item.number for item in items} == set(range(101))


def test_a_fifo_and_a_missing_file_are_only_of_unknown_length(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    items = [planned(0, str(tmp_path / "fifo.wav")), planned(1, str(tmp_path / "gone.wav"))]
    with LookAhead(items, cores=1) as ahead:
        assert [item.seconds for item in ahead] == [None, None]
    assert ahead.seconds == 0.0
