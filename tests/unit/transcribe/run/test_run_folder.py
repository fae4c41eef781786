from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.run.journal import RunEntry, RunJournal, read_journal
from parakeet_cli.transcribe.run.run_folder import open_run_folder
from parakeet_cli.transcribe.run.status import read_status
from parakeet_cli.transcript import Status

ENTRY = RunEntry(Status.OK, (10, 20), "options", 3.25, (("/out/a.txt", "ab" * 32, 12, 99),), line=7)


def test_a_long_journal_is_compacted_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with RunJournal(path) as journal:
        journal.record_session(2, 1.0)
        for _ in range(600):
            journal.record_start("a", "options")
            journal.record_end("a", ENTRY)
        journal.record_start("b", "options")
    before = read_journal(path)
    with open_run_folder(tmp_path, "options") as folder:
        assert folder.split([], retry_failed=False) == ([], [])
        assert read_journal(path).lines == 3 < before.lines
        folder.record_start(plan_outputs([Job("c", "/c")], (), ".", "{filename}")[0])
    after = read_journal(path)
    assert after.begun.pop("/c") == "options"
    assert (after.entries, after.begun, after.planned) == (
        before.entries,
        before.begun,
        before.planned,
    )


def test_a_torn_compaction_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".parakeet-journal.jsonl.part").write_bytes(b"half")
    with open_run_folder(tmp_path, "options"):
        assert not list(tmp_path.glob(".parakeet-*"))


def test_only_one_process_can_open_a_run_folder(tmp_path: Path) -> None:
    with open_run_folder(tmp_path, "options") as folder:
        folder.record_session(1, 1.0)
        assert read_status(tmp_path).running
        with (
            pytest.raises(UsageError, match="in use by another run"),
            open_run_folder(tmp_path, "x"),
        ):
            pass
    assert not read_status(tmp_path).running
