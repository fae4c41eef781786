from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.errors import OutputError
from parakeet_cli.transcribe.run.journal import RunEntry, RunJournal, read_journal
from parakeet_cli.transcript import Status


def entry(status: Status = Status.OK, reason: str | None = None) -> RunEntry:
    outputs = (("/out/a.txt", "ab" * 32, 12, 99),)
    return RunEntry(status, (10, 20), "options", 3.25, outputs, reason=reason, line=7)


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    with RunJournal(tmp_path / "journal.jsonl") as journal:
        journal.record_session(3, 9.75)
        for key in ("a", "b", "c"):
            journal.record_start(key, "options")
        journal.record_end("a", entry())
        journal.record_end("b", entry(Status.FAILED, "It is empty."))
    known = read_journal(tmp_path / "journal.jsonl")
    assert {key: found.status for key, found in known.entries.items()} == {
        "a": Status.OK,
        "b": Status.FAILED,
    }
    assert known.entries["a"].outputs == entry().outputs
    assert known.entries["b"].reason == "It is empty."
    assert known.begun == {"c": "options"}
    assert (known.planned, known.seconds) == (3, 9.75)


@pytest.mark.parametrize("torn", range(1, 60))
def test_a_line_torn_anywhere_costs_only_itself(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "journal.jsonl"
    with RunJournal(path) as journal:
        journal.record_end("a", entry())
        journal.record_end("b", entry())
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    with RunJournal(path) as journal:
        assert set(read_journal(path).entries) == ({"a", "b"} if torn == 1 else {"a"})
        journal.record_end("c", entry())
    assert set(read_journal(path).entries) >= {"a", "c"}


def test_a_file_that_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"ended": "a", "status": "fine"}\n')
    with pytest.raises(OutputError, match="isn't a journal"):
        read_journal(tmp_path / "journal.jsonl")


@pytest.mark.slow
def test_what_a_session_has_to_do_is_corrected_once_it_is_known(tmp_path: Path) -> None:
    with RunJournal(tmp_path / "journal.jsonl") as journal:
        began = journal.record_session(3, 0.0)
        journal.record_start("a", "options")
        assert journal.record_session(3, 9.75, began=began) == began
    known = read_journal(tmp_path / "journal.jsonl")
    assert (known.planned, known.seconds, known.since) == (3, 9.75, began)


def test_a_hundred_thousand_entries_are_read_in_200_mb(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with RunJournal(path) as journal:
        journal.record_session(100_000, 300_000.0)
        for number in range(100_000):
            outputs = ((f"/data/out/{number % 100}/clip{number}.txt", "ab" * 32, 12, number),)
            journal.record_end(
                f"/data/in/{number % 100}/clip{number}.wav",
                RunEntry(Status.OK, (95_724, number), "options", 3.0, outputs, line=number),
            )
    code = (
        "import sys; from pathlib import Path; "
        "from parakeet_cli.transcribe.run.journal import read_journal; "
        "assert len(read_journal(Path(sys.argv[1])).entries) == 100_000; "
        # ru_maxrss would count what the process that started this one held.
        "status = Path('/proc/self/status').read_text(); "
        "print(status.partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200 * 1024
