from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.dictate.recording import recording as recording_module
from parakeet_cli.dictate.recording.recording import Recording, recording_folders


def ramp(first: int, count: int) -> np.ndarray:
    return (np.arange(first, first + count) % 30_000).astype(np.int16)


def as_int(samples: np.ndarray) -> list[int]:
    return [round(float(value) * 32768) for value in samples]


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "PART_SAMPLES", 100)


@pytest.mark.usefixtures("short_parts")
def test_samples_are_read_across_parts(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path / "new")
    for at in range(0, 350, 35):
        assert recording.append(ramp(at, 35)) == at
    assert as_int(recording.read(90, 260)) == list(range(90, 260))
    recording.delete_before(200)
    assert as_int(recording.read(0, 400))[-1] == 349
    assert len(list(recording.folder.glob("*.wav"))) < 4
    recording.close(delete=True)
    assert not recording.folder.exists()


def test_a_part_is_always_a_whole_wav_that_only_its_owner_can_read(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path)
    for at in range(0, 5000, 512):
        recording.append(ramp(at, 512))
        (part,) = recording.folder.glob("*.wav")
        with wave.open(str(part)) as file:
            assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
            assert file.getnframes() == recording.end
    assert part.stat().st_mode & 0o777 == 0o600
    assert recording.folder.stat().st_mode & 0o777 == 0o700
    recording.close(delete=False)


def test_a_locked_recording_is_not_reopened_and_an_abandoned_one_is(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path)
    recording.append(ramp(0, 1000))
    assert Recording.reopen(recording.folder) is None
    recording.close(delete=False)
    (folder,) = recording_folders(tmp_path)
    again = Recording.reopen(folder)
    assert again is not None
    assert again.end == 1000
    assert as_int(again.read(10, 20)) == list(range(10, 20))
    again.close(delete=True)


def test_a_full_disk_loses_no_sound(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path)
    recording.append(ramp(0, 100))
    part = next(iter(recording.folder.glob("*.wav")))
    descriptor = recording._parts[-1].file
    assert descriptor is not None
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), descriptor)
        recording.append(ramp(100, 100))
    assert recording.write_error is not None
    recording.append(ramp(200, 100))
    assert as_int(recording.read(0, 300)) == list(range(300))
    assert part.exists()
    recording.close(delete=True)


def test_a_part_that_is_missing_leaves_a_gap_between_intervals(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path / "root")
    recording.append(np.zeros(1600, np.int16))
    recording.close(delete=False)
    (part,) = recording.folder.glob("*.wav")
    later = part.with_name(part.name.replace(part.stem, "5000"))
    later.write_bytes(part.read_bytes())
    later.chmod(0o600)
    reopened = Recording.reopen(recording.folder)
    assert reopened is not None
    assert reopened.intervals() == [(0, 1600), (5000, 6600)]
    reopened.close(delete=True)
