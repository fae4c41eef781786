"""What is checked of a repair's folder; tests/security has the hostile ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.rollback import snapshot, validate
from parakeet_cli.doctor.repair.rollback.events import RepairEvent
from parakeet_cli.doctor.repair.rollback.journal import RepairJournal
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused


@pytest.fixture
def journal(tmp_path: Path) -> RepairJournal:
    """A repair that took a snapshot."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/a").write_text("a")
    journal = RepairJournal.begin(str(tmp_path), {})
    before = snapshot.scan(str(tmp_path), ["bin"])
    snapshot.write_manifest(journal.before, before)
    snapshot.take(str(tmp_path), before, journal.snapshot)
    journal.write(RepairEvent.SNAPSHOT_TAKEN, roots=["bin"])
    return journal


def test_what_a_repair_leaves_is_accepted(tmp_path: Path, journal: RepairJournal) -> None:
    assert validate.repair_ids(str(tmp_path)) == [journal.id]
    events, own = validate.read_repair(str(tmp_path), journal.id)
    assert [event["event"] for event in events] == ["begin", "kept"]
    assert own
    assert list(journal.checked_before()) == ["bin", "bin/a"]


def test_there_are_no_repairs_where_there_is_no_folder(tmp_path: Path) -> None:
    assert validate.repair_ids(str(tmp_path)) == []
    assert validate.repair_ids(str(tmp_path / "none")) == []


def test_what_others_could_write_is_refused_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = RepairJournal.begin(str(tmp_path), {})
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib/a").write_text("a")
        snapshot.write_manifest(journal.before, snapshot.scan(str(tmp_path), ["lib"]))
    finally:
        os.umask(before)
    assert validate.repair_ids(str(tmp_path)) == [journal.id]
    validate.read_repair(str(tmp_path), journal.id)
    (tmp_path / ".parakeet").chmod(0o757)
    with pytest.raises(JournalRefused, match="other users") as caught:
        validate.repair_ids(str(tmp_path))
    assert f"chmod go-w {tmp_path / '.parakeet'}" in caught.value.hint


def test_a_group_may_write_it_that_may_write_the_environment(
    tmp_path: Path, journal: RepairJournal
) -> None:
    journal.folder.chmod(0o775)
    with pytest.raises(JournalRefused, match="other users"):
        validate.read_repair(str(tmp_path), journal.id)
    tmp_path.chmod(0o775)
    validate.read_repair(str(tmp_path), journal.id)


def test_a_refusal_says_what_to_type(tmp_path: Path, journal: RepairJournal) -> None:
    journal.before.unlink()
    os.mkfifo(journal.before)
    with pytest.raises(JournalRefused) as caught:
        validate.read_repair(str(tmp_path), journal.id)
    assert str(caught.value) == (
        f"{journal.before} is nothing that a repair makes. Nothing was touched."
    )
    assert caught.value.hint.endswith(f"rm -r {journal.folder}")


def test_a_file_of_the_system_in_the_folder_is_passed_over(
    tmp_path: Path, journal: RepairJournal
) -> None:
    (journal.folder / ".DS_Store").touch()
    (journal.folder / ".nfs0000ab12").touch()
    validate.read_repair(str(tmp_path), journal.id)
    (journal.folder / ".DS_Store.x").touch()
    with pytest.raises(JournalRefused, match="nothing that a repair makes"):
        validate.read_repair(str(tmp_path), journal.id)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_can_t_be_read_is_refused(tmp_path: Path, journal: RepairJournal) -> None:
    journal.folder.chmod(0)
    with pytest.raises(JournalRefused, match="can't be read"):
        validate.read_repair(str(tmp_path), journal.id)
    journal.folder.chmod(0o755)
