"""--then: a command for each transcript, whatever its name is, and at no transcript's cost."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.integration.transcribe.command import clip, files
from tests.integration.transcribe.test_runs import journal, status
from tests.integration.transcribe.watching import watching

HOSTILE = "$(touch pwned); `touch pwned`; 'a' \"b\" *\n-rf.wav"
NOTE = """#!/bin/sh
{ printf '%s|' "$@"; echo "$PARAKEET_STATUS|$PARAKEET_OUTPUT_JSON|$PARAKEET_SOURCE"; } >> notes
"""


def script(folder: Path, text: str = NOTE) -> str:
    path = folder / "a note.sh"
    path.write_text(text)
    path.chmod(0o755)
    return f"'{path}'"


def rows(folder: Path, kind: str) -> list[dict[str, object]]:
    found = map(json.loads, (folder / "run/then.jsonl").read_text().splitlines())
    return [row for row in found if kind in row]


def test_a_program_gets_the_outputs_as_arguments_and_in_its_environment(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    with watching(tmp_path, "--then", f"{script(tmp_path)} first") as watch:
        watch.until(lambda: rows_or_none(tmp_path))
        watch.end()
    txt, words, source = (tmp_path / name for name in ("out/a.txt", "out/a.json", "in/a.wav"))
    assert (tmp_path / "notes").read_text() == f"first|{txt}|{words}|ok|{words}|{source}\n"


@pytest.mark.parametrize("through", ["a program", "the shell"])
def test_no_name_of_a_file_is_obeyed(tmp_path: Path, through: str) -> None:
    (tmp_path / "in").mkdir()
    clip(tmp_path / "in" / HOSTILE)
    command = 'printf "%s\\0" "$@" >> got'
    if through == "a program":
        command = script(tmp_path, f"#!/bin/sh\n{command}\n")
    with watching(tmp_path, "--then", command) as watch:
        watch.until(lambda: rows_or_none(tmp_path))
        watch.end()
    assert not list(tmp_path.rglob("pwned"))
    stem = HOSTILE.removesuffix(".wav")
    expected = [os.fsencode(tmp_path / "out" / f"{stem}.{kind}") for kind in ("txt", "json")]
    assert (tmp_path / "got").read_bytes().split(b"\0")[:-1] == expected


def test_a_command_that_fails_or_hangs_is_said_and_recorded_and_the_transcript_stays(
    tmp_path: Path,
) -> None:
    clip(tmp_path / "in/bad.wav")
    command = 'case "$1" in *bad.txt) echo no room >&2; exit 3;; esac; sleep 60'
    with watching(tmp_path, "--then", command, "--then-timeout", "0.5") as watch:
        watch.says("--then failed for")
        clip(tmp_path / "in/slow.wav")
        watch.says("--then failed for", times=2)
        watch.until(lambda: len(rows(tmp_path, "ran")) == 2)
        err = watch.end()
    assert f"{tmp_path}/in/bad.wav: it ended with exit code 3: no room. The transcript is" in err
    assert "slow.wav: it had not ended after 0.5 s and was killed. The transcript is there." in err
    assert [row["status"] for row in rows(tmp_path, "ran")] == ["failed", "failed"]
    assert len(files(tmp_path / "out")) == 4
    found = status(tmp_path)
    assert (found["done"], len(found["then_failures"])) == (2, 2)
    with watching(tmp_path, "--then", "true") as watch:  # it isn't tried again by itself
        watch.looks(tmp_path / "in")
        watch.end()
    assert len(rows(tmp_path, "ran")) == 2
    with watching(tmp_path, "--then", "true", "--retry-failed") as watch:
        watch.until(lambda: len(rows(tmp_path, "ran")) == 4)
        watch.end()
    assert journal(tmp_path, "ended")["bad.wav"] == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_command_that_was_cut_short_runs_again_and_those_that_ran_do_not(
    tmp_path: Path, number: int
) -> None:
    clip(tmp_path / "in/a.wav")
    command = 'echo begun "$1" >> log; test -e go || sleep 30; echo done "$1" >> log'
    (tmp_path / "go").touch()
    with watching(tmp_path, "--then", command) as watch:
        watch.until(lambda: rows_or_none(tmp_path) == 1)
        (tmp_path / "go").unlink()
        clip(tmp_path / "in/b.wav")
        clip(tmp_path / "in/c.wav")
        watch.says("c.wav: ok")
        watch.until(lambda: (tmp_path / "log").read_text().count("begun") == 2)
        watch.end(number)
    (tmp_path / "go").touch()
    with watching(tmp_path, "--then", command) as watch:
        watch.until(lambda: rows_or_none(tmp_path) == 3)
        watch.looks(tmp_path / "in")
        watch.end()
    lines = (tmp_path / "log").read_text().splitlines()
    ended = sorted(Path(line.split()[1]).name for line in lines if line.startswith("done"))
    if number == signal.SIGKILL:  # nobody was there to kill it, or to record its end
        ended = sorted(set(ended))
    assert ended == ["a.txt", "b.txt", "c.txt"]
    assert journal(tmp_path, "begun")["b.wav"] == journal(tmp_path, "begun")["c.wav"] == 1


def rows_or_none(folder: Path) -> int:
    return len(rows(folder, "ran")) if (folder / "run/then.jsonl").exists() else 0


def test_what_the_command_takes_away_is_not_made_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        clip(tmp_path / f"in/{name}.wav")
    (tmp_path / "archive").mkdir()
    command = 'mv "$@" archive; case "$1" in *b.txt) mv "$PARAKEET_SOURCE" archive;; esac'
    for _session in range(2):
        with watching(tmp_path, "--then", command) as watch:
            watch.until(lambda: rows_or_none(tmp_path) == 2)
            (tmp_path / "in/a.wav").chmod(0o640)  # looked at again, and still done
            (tmp_path / "in/sentinel.wav").unlink(missing_ok=True)
            watch.looks(tmp_path / "in")
            watch.end()
    assert journal(tmp_path, "begun")["a.wav"] == 1
    assert {"a.txt", "b.txt", "b.wav"} <= files(tmp_path / "archive")
    found = status(tmp_path)
    assert (found["done"], found["left"]) == (1, 0)  # of what is in the folder now


def test_a_name_with_a_line_s_end_adds_no_line_of_its_own_to_what_is_said(tmp_path: Path) -> None:
    clip(tmp_path / "in/a\nFailed: everything.wav")
    with watching(tmp_path, "--then", "exit 3;") as watch:
        watch.says("--then failed for")
        err = watch.end()
    assert "in/a\\nFailed: everything.wav: it ended with exit code 3." in err
    assert not any(line.startswith("Failed: everything") for line in err.splitlines())
