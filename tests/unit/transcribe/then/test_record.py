from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import OutputError
from parakeet_cli.transcribe.then.record import Due, ThenJournal, read_then

A = Due("/in/a.wav", (10, 20), "options", "/in/a.wav", ("/out/a.txt",))
B = Due("/in/b.wav", (11, 21), "options", "/in/b.wav", ("/out/b.txt",), "partial")


def test_what_is_due_has_run_or_has_failed_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "then.jsonl"
    journal = ThenJournal(path)
    journal.record_due(A)
    journal.record_due(B)
    assert read_then(path).due == {"/in/a.wav": A, "/in/b.wav": B}
    journal.record_end(A, None)
    journal.record_end(B, "it failed.")
    found = read_then(path)
    assert (found.due, found.failed) == ({}, {"/in/b.wav": (B, "it failed.")})
    assert found.has_had(A.key, A.state, "options")
    assert not found.has_had(A.key, (10, 99), "options")
    assert not found.has_had(A.key, A.state, "others")
    assert not found.has_had(B.key, B.state, "options")
    journal.record_end(B, None)  # tried again
    journal.close()
    assert not read_then(path).failed


def test_lines_that_nobody_writes_cost_nothing_and_no_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "then.jsonl"
    assert read_then(path).due == {}
    path.write_text('{"due": 1}\n{"due": "/x", "id": [1]}\n{"ran": "/never", "id": null, "opt')
    path.chmod(0o600)
    assert read_then(path).due == {}


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "then.jsonl"
    path.touch()
    path.chmod(0o666)
    with pytest.raises(OutputError):
        read_then(path)
    with pytest.raises(OutputError):
        ThenJournal(path)
