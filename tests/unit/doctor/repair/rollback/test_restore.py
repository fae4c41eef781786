"""Repairs that can be rolled back: listed with their size, pruned by age."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from parakeet_cli.doctor.repair.rollback import restore
from parakeet_cli.doctor.repair.rollback.events import RepairEvent
from parakeet_cli.doctor.repair.rollback.journal import RepairJournal
from parakeet_cli.doctor.repair.rollback.registry import FOLDER


def repaired(
    prefix: Path, days_ago: float, *, last: RepairEvent = RepairEvent.COMPLETE, size: int = 0
) -> str:
    """A repair that ended some days ago, with a snapshot of `size` bytes; its id."""
    journal = RepairJournal.begin(str(prefix), {})
    (journal.snapshot / "old.py").write_bytes(os.urandom(size))
    more = {"summary": "numpy 2.4.6 \u2192 1.26.4"} if last is RepairEvent.COMPLETE else {}
    journal.write(last, **more)
    path = journal.folder / "journal"
    first, *rest = path.read_text().splitlines()
    began = json.loads(first)
    began["time"] = time.time() - days_ago * 86400
    path.write_text("\n".join([json.dumps(began), *rest]) + "\n")
    return journal.folder.name


def test_restore_points_are_listed_newest_first_with_their_size(tmp_path: Path) -> None:
    older = repaired(tmp_path, 2, size=100_000)
    newer = repaired(tmp_path, 1)
    found = restore.restore_points(str(tmp_path))
    assert [one.id for one in found] == [newer, older]
    assert 100_000 <= found[1].size < 120_000
    assert found[0].size == 0
    assert found[0].summary == "numpy 2.4.6 \u2192 1.26.4"


def test_what_is_too_old_or_was_never_complete_is_removed_and_the_rest_stays(
    tmp_path: Path,
) -> None:
    old = repaired(tmp_path, restore.RETENTION_DAYS + 1, size=1000)
    restored = repaired(tmp_path, 1, last=RepairEvent.RESTORED)
    recent = repaired(tmp_path, restore.RETENTION_DAYS - 1)
    assert restore.prune(str(tmp_path)) == [old, restored]
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [recent]
    assert [one.id for one in restore.restore_points(str(tmp_path))] == [recent]


def test_an_interrupted_repair_is_never_pruned(tmp_path: Path) -> None:
    interrupted = repaired(tmp_path, 1000, last=RepairEvent.VERIFYING)
    assert restore.prune(str(tmp_path)) == []
    assert (tmp_path / FOLDER / interrupted).is_dir()


def test_the_folder_is_removed_with_the_last_repair(tmp_path: Path) -> None:
    repaired(tmp_path, restore.RETENTION_DAYS + 1)
    restore.prune(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
