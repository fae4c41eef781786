"""The states that a rollback can go back to: listed with their size, pruned by age."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from parakeet_cli.doctor.repair.rollback import restore
from parakeet_cli.doctor.repair.rollback.journal import Event, RepairJournal
from parakeet_cli.doctor.repair.rollback.registry import FOLDER


def state(prefix: Path, days_ago: float, *, last: Event = Event.COMPLETE, size: int = 0) -> str:
    """A repair that ended so long ago, with a kept file of so many bytes; its id."""
    journal = RepairJournal.begin(str(prefix), {})
    (journal.snapshot / "old.py").write_bytes(os.urandom(size))
    journal.write(last, summary="numpy 2.4.6 \u2192 1.26.4")
    path = journal.folder / "journal"
    first, *rest = path.read_text().splitlines()
    began = json.loads(first)
    began["time"] = time.time() - days_ago * 86400
    path.write_text("\n".join([json.dumps(began), *rest]) + "\n")
    return journal.folder.name


def test_states_are_listed_newest_first_with_what_they_hold(tmp_path: Path) -> None:
    older = state(tmp_path, 2, size=100_000)
    newer = state(tmp_path, 1)
    found = restore.restore_points(str(tmp_path))
    assert [one.id for one in found] == [newer, older]
    assert 100_000 <= found[1].size < 120_000
    assert found[0].size == 0
    assert found[0].summary == "numpy 2.4.6 \u2192 1.26.4"


def test_what_is_too_old_and_what_never_stood_is_removed_and_the_rest_kept(
    tmp_path: Path,
) -> None:
    old = state(tmp_path, restore.RETENTION_DAYS + 1, size=1000)
    put_back = state(tmp_path, 1, last=Event.RESTORED)
    kept = state(tmp_path, restore.RETENTION_DAYS - 1)
    assert restore.prune(str(tmp_path)) == [old, put_back]
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [kept]
    assert [one.id for one in restore.restore_points(str(tmp_path))] == [kept]


def test_a_repair_that_was_broken_off_is_never_pruned(tmp_path: Path) -> None:
    broken = state(tmp_path, 1000, last=Event.VERIFYING)
    assert restore.prune(str(tmp_path)) == []
    assert (tmp_path / FOLDER / broken).is_dir()


def test_with_the_last_state_its_folder_goes(tmp_path: Path) -> None:
    state(tmp_path, restore.RETENTION_DAYS + 1)
    restore.prune(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
