"""The journal of a repair after kills and full disks, and those of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.rollback import restore, snapshot
from parakeet_cli.doctor.repair.rollback.events import RepairEvent
from parakeet_cli.doctor.repair.rollback.journal import (
    RepairJournal,
    environment_lock,
    journals,
)
from parakeet_cli.system.locks import LockHeld


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment with one file."""
    folder = tmp_path / "env"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "a.py").write_text("before\n")
    return folder


def changed(prefix: Path) -> RepairJournal:
    """A repair with a snapshot that has changed the file."""
    journal = RepairJournal.begin(str(prefix), {})
    journal.write(RepairEvent.TAKING_SNAPSHOT, roots=["lib"])
    before = snapshot.scan(str(prefix), ["lib"])
    snapshot.write_manifest(journal.before, before)
    snapshot.take(str(prefix), before, journal.snapshot)
    journal.write(RepairEvent.SNAPSHOT_TAKEN, roots=["lib"])
    (prefix / "lib" / "a.py").unlink()
    (prefix / "lib" / "a.py").write_text("after\n")
    return journal


def tear(journal: RepairJournal, event: str, *, ended: bool = False) -> None:
    """Write half of an event, and the end of its line if a later process did."""
    row = json.dumps({"event": event, "time": 1.0, "roots": ["lib"]})
    with (journal.folder / "journal").open("a") as file:
        file.write(row[: len(row) // 2] + ("\n" if ended else ""))


@pytest.mark.parametrize(
    "torn", [RepairEvent.STEP, RepairEvent.VERIFYING, RepairEvent.COMPLETE, RepairEvent.RESTORING]
)
def test_a_torn_line_followed_by_a_later_process_is_skipped_and_the_repair_restored(
    prefix: Path, torn: RepairEvent
) -> None:
    tear(changed(prefix), torn)
    # The next process began to restore, and was killed too.
    journals(str(prefix))[0].write(RepairEvent.RESTORING)
    [journal] = journals(str(prefix))
    assert [event["event"] for event in journal.events][-2:] == ["kept", "putting-back"]
    assert journal.changed
    assert not journal.ended
    assert [one.id for one in restore.recover(str(prefix))] == [journal.id]
    assert (prefix / "lib" / "a.py").read_text() == "before\n"
    assert not (prefix / ".parakeet").exists()


def test_a_snapshot_event_that_a_full_disk_lost_does_not_hide_later_steps(prefix: Path) -> None:
    """Earlier versions went on after a short write, and so wrote the next event behind it."""
    journal = changed(prefix)
    path = journal.folder / "journal"
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:-1]) + whole[-1][:20] + '{"event": "step", "stage": 1}\n')
    with path.open("a") as file:
        file.write('{"event": "step-done", "time": 2.0, "stage": 1}\n')
    [journal] = journals(str(prefix))
    assert journal.changed
    assert journal.roots == ("lib",)
    restore.recover(str(prefix))
    assert (prefix / "lib" / "a.py").read_text() == "before\n"


def test_a_torn_snapshot_event_means_that_nothing_was_changed(prefix: Path) -> None:
    journal = RepairJournal.begin(str(prefix), {})
    journal.write(RepairEvent.TAKING_SNAPSHOT, roots=["lib"])
    tear(journal, RepairEvent.SNAPSHOT_TAKEN)
    [journal] = journals(str(prefix))
    assert not journal.changed
    assert restore.recover(str(prefix)) == []
    assert not (prefix / ".parakeet").exists()


def test_a_torn_end_of_a_complete_repair_is_restored(prefix: Path) -> None:
    tear(changed(prefix), RepairEvent.COMPLETE)
    restore.recover(str(prefix))
    assert (prefix / "lib" / "a.py").read_text() == "before\n"


def test_restored_after_a_torn_line_is_the_end(prefix: Path) -> None:
    journal = changed(prefix)
    tear(journal, RepairEvent.STEP, ended=True)
    journal.write(RepairEvent.RESTORED)
    [journal] = journals(str(prefix))
    assert journal.ended
    assert restore.recover(str(prefix)) == []


def test_a_journal_of_an_earlier_version_is_rolled_back(prefix: Path) -> None:
    """With the names of events, keys and files that are on people's disks."""
    journal = changed(prefix)
    snapshot.write_manifest(journal.folder / "after", snapshot.scan(str(prefix), ["lib"]))
    began = {"event": "begin", "time": 1_700_000_000.0, "prefix": str(prefix), "pid": 1}
    rows = [
        {**began, "python": "/env/bin/python", "started": "5"},
        {"event": "fetching", "time": 1.0},
        {"event": "fetched", "time": 2.0},
        {"event": "keeping", "time": 3.0, "roots": ["lib"]},
        {"event": "kept", "time": 4.0, "roots": ["lib"], "files": 1},
        {"event": "step", "time": 5.0, "stage": 1, "title": "Core scientific stack"},
        {"event": "step-done", "time": 6.0, "stage": 1},
        {"event": "proving", "time": 7.0},
        {"event": "stands", "time": 8.0, "summary": "numpy 2.4.6 → 1.26.4"},
    ]
    (journal.folder / "journal").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    [point] = restore.restore_points(str(prefix))
    assert point.time == 1_700_000_000.0
    assert point.summary == "numpy 2.4.6 → 1.26.4"
    assert restore.rollback(str(prefix)).id == point.id
    assert (prefix / "lib" / "a.py").read_text() == "before\n"
    assert not (prefix / ".parakeet").exists()


def test_the_lock_is_on_the_environment_itself_and_held_until_released(prefix: Path) -> None:
    with environment_lock(str(prefix)):
        with pytest.raises(LockHeld), environment_lock(str(prefix)):
            pass
        assert [path.name for path in prefix.iterdir()] == ["lib"]
    with environment_lock(str(prefix)):
        pass
