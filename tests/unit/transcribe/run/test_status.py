from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.run.status import read_status
from parakeet_cli.transcript import Status

# As the first version wrote them.
ROWS = """\
{"plan":4,"seconds":12.0,"at":1000.0,"date":"2026-01-01"}
{"begun":"/in/a.wav","options":"0123456789abcdef"}
{"begun":"/in/b.wav","options":"0123456789abcdef"}
{"ended":"/in/a.wav","status":"ok","id":[95724,7],"options":"0123456789abcdef","seconds":3.0,\
"outputs":[["/out/a.txt","abab",12,7]],"line":0,"at":1002.0}
{"ended":"/in/b.wav","status":"failed","id":null,"options":"0123456789abcdef","seconds":0.0,\
"outputs":[],"line":90,"at":1003.0,"reason":"It is empty.","hint":null}
{"begun":"/in/c.wav","options":"0123456789abcdef"}
"""


def test_the_status_of_a_run_of_version_0_1_0_is_what_its_journal_records(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(12))
    found = (tmp_path / "a.txt").stat()
    output = f'["{tmp_path}/a.txt","abab",12,{found.st_mtime_ns}]'
    rows = ROWS.replace('["/out/a.txt","abab",12,7]', output)
    (tmp_path / "journal.jsonl").write_text(rows)
    assert read_status(tmp_path).as_json() == {
        "schema": "parakeet.run/1",
        "folder": str(tmp_path),
        "state": "stopped",
        "running": False,
        "total": 4,
        "inputs": 4,
        "done": 1,
        "partial": 0,
        "failed": 1,
        "skipped": 0,
        "left": 2,
        "in_hand": [],
        "earlier": 0,
        "audio_seconds": 3.0,
        "rtfx": 1.0,
        "seconds_left": None,
        "unreadable_lines": 0,
        "shards": None,
        "failures": [{"input": "/in/b.wav", "status": "failed", "reason": "It is empty."}],
    }


def test_a_result_whose_output_is_gone_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text(ROWS)
    status = read_status(tmp_path)
    assert (status.counts[Status.OK], status.left, status.earlier) == (0, 3, 0)


def test_a_line_that_can_t_be_read_costs_that_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text(
        ROWS + 'not a row\n{"ended":"/in/c.wav","status":"fine"}\n[1]\n'
    )
    status = read_status(tmp_path)
    assert (status.counts[Status.FAILED], status.total, status.unreadable) == (1, 4, 3)


def test_a_folder_without_a_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        read_status(tmp_path / "none")


def test_what_has_left_a_watched_folder_was_done_and_what_never_began_is_not_missed(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal.jsonl").write_text(ROWS)
    plan = {"plan": 3, "of": 3, "shard": None, "options": "0123456789abcdef", "at": 1000.5}
    keys = ["/in/a.wav", "/in/b.wav", "/in/renamed.wav"]
    for watched, counts in ((True, (2, 1, 1, 0)), (False, (3, 0, 1, 2))):
        header = plan | {"root": "/in", "folder": "/out", "watched": watched}
        rows = (header, {"keys": keys})
        (tmp_path / "plan.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = read_status(tmp_path).as_json()
        assert (found["total"], found["done"], found["failed"], found["left"]) == counts
