"""What a batch says to a log, and to a program."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.transcribe.command import clip, transcribe


def test_off_a_terminal_each_twentieth_has_a_line_and_a_log_one_for_each_file(
    tmp_path: Path,
) -> None:
    for number in range(40):
        clip(tmp_path / f"in/{number}.wav")
    done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out", "--log", "log")
    assert done.code == 0, done.err
    lines = [line for line in done.err.splitlines() if " of 40 files (" in line]
    assert len(lines) == 20
    assert lines[-1].startswith("40 of 40 files (100%): 40 done, 0 failed, RTFx ")
    assert "in/0.wav: ok" not in done.err
    log = (tmp_path / "log").read_text()
    assert all(f"Z in/{n}.wav: ok, 3.0 s\n" in log.replace("+00:00", "Z") for n in range(40))
    assert "Engine: mock" in log
    quiet = transcribe(tmp_path, "in", "-f", "srt", "-o", "out", "-q")
    assert (quiet.code, quiet.err) == (0, "")


def test_progress_for_programs_is_json_beside_the_messages(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    (tmp_path / "in/b.wav").touch()
    done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out", "--progress", "json")
    assert done.code == 1, done.err
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    ended = {one["file"]: one["status"] for one in events if one["event"] == "file"}
    assert ended == {"in/a.wav": "ok", "in/b.wav": "failed"}
    last = events[-1]
    assert (last["event"], last["total"], last["done"], last["failed"], last["left"]) == (
        "progress", 2, 1, 1, 0,
    )  # fmt: skip


def test_an_unknown_form_of_progress_is_refused(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", "--progress", "much")
    assert done.code == 2
    assert "it must be one of auto, lines, json, none" in done.err
