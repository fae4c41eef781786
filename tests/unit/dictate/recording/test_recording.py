from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.dictate.recording import recording as recording_module
from parakeet_cli.dictate.recording.history import History, HistoryEntry, read_history
from parakeet_cli.dictate.recording.journal import DictationJournal, Target, read_journal
from parakeet_cli.dictate.recording.recording import Recording, left_behind


def ramp(first: int, count: int) -> np.ndarray:
    return (np.arange(first, first + count) % 30_000).astype(np.int16)


def as_int(samples: np.ndarray) -> list[int]:
    return [round(float(value) * 32768) for value in samples]


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "PART", 100)


@pytest.mark.usefixtures("short_parts")
def test_what_was_appended_is_read_across_parts(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path / "new")
    for at in range(0, 350, 35):
        assert recording.append(ramp(at, 35)) == at
    assert as_int(recording.read(90, 260)) == list(range(90, 260))
    recording.forget(200)
    assert as_int(recording.read(0, 400))[-1] == 349
    assert len(list(recording.folder.glob("*.wav"))) < 4
    recording.close(delete=True)
    assert not recording.folder.exists()


def test_a_part_is_a_whole_wav_at_every_moment_and_its_owner_s_alone(tmp_path: Path) -> None:
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


def test_one_that_is_held_is_not_opened_and_one_left_behind_is(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path)
    recording.append(ramp(0, 1000))
    assert Recording.reopen(recording.folder) is None
    recording.close(delete=False)
    (folder,) = left_behind(tmp_path)
    again = Recording.reopen(folder)
    assert again is not None
    assert again.end == 1000
    assert as_int(again.read(10, 20)) == list(range(10, 20))
    again.close(delete=True)


def test_a_disk_that_is_full_loses_nothing_of_what_is_said(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path)
    recording.append(ramp(0, 100))
    part = next(iter(recording.folder.glob("*.wav")))
    descriptor = recording._parts[-1].file
    assert descriptor is not None
    with Path("/dev/full").open("wb") as full:
        import os

        os.dup2(full.fileno(), descriptor)
        recording.append(ramp(100, 100))
    assert recording.full is not None
    recording.append(ramp(200, 100))
    assert as_int(recording.read(0, 300)) == list(range(300))
    assert part.exists()
    recording.close(delete=True)


def test_a_journal_says_up_to_where_all_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = DictationJournal(path)
    journal.write(version=1, source="x", sinks=[])
    journal.write(heard=[0, 100])
    one = journal.intend(100, 200, "One.")
    journal.write(done=one)
    two = journal.intend(200, 300, " Two.", [Target("file", "/f", 5)])
    journal.write(failed=[300, 400])
    three = journal.intend(400, 500, " Three.")
    journal.write(kept=three)
    journal.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"intent": 9, "of": [500, 60')  # torn by a kill
    state = read_journal(path)
    assert state.mark == 500
    assert state.failed == [(300, 400)]
    assert [intent.text for intent in state.open.values()] == [" Two."]
    assert state.open[two].to == (Target("file", "/f", 5),)
    assert [intent.text for intent in state.kept.values()] == [" Three."]
    assert state.needed == 300


def test_what_failed_is_settled_when_it_is_heard_after_all(tmp_path: Path) -> None:
    journal = DictationJournal(tmp_path / "j")
    journal.write(failed=[0, 300])
    journal.write(heard=[100, 200])
    assert journal.state.failed == [(0, 100), (200, 300)]
    journal.write(heard=[0, 300])
    assert journal.state.failed == []
    journal.close()


def test_history_is_kept_for_its_days_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    import time

    history = History(path, days=30)
    history.add(HistoryEntry(time.time() - 40 * 86_400, "long ago"))
    history.add(HistoryEntry(time.time(), "now", ("stdout",), delivered=False))
    assert [entry.text for entry in read_history(path)] == ["long ago", "now"]
    History(path, days=30)
    (left,) = read_history(path)
    assert (left.text, left.delivered) == ("now", False)
    History(path, days=0).add(HistoryEntry(0.0, "not kept"))
    assert len(list(read_history(path))) == 1
    assert json.loads(path.read_text(encoding="utf-8"))["text"] == "now"
