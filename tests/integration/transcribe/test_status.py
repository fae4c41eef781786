"""--status: what the latest command would do, has done and has in hand, whatever came before."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.transcribe.command import COMMAND, MOCK, clip, environment, start, transcribe
from tests.integration.transcribe.test_runs import RUN, SLOW, batch, content, status

COUNTS = ("state", "total", "done", "failed", "partial", "left", "earlier")


def counts(folder: Path) -> tuple[Any, ...]:
    found = status(folder)
    return tuple(found[name] for name in COUNTS)


def finished(folder: Path, count: int) -> Path:
    """The folder with a finished run of so many clips."""
    batch(folder, count)
    done = transcribe(folder, *RUN)
    assert done.code == 0, done.err
    assert counts(folder) == ("finished", count, count, 0, 0, 0, 0)
    return folder


def until(ready: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < limit, "it never came so far"
        time.sleep(0.02)


def test_replaced_inputs_are_another_plan_s(tmp_path: Path) -> None:
    finished(tmp_path, 5)
    shutil.rmtree(tmp_path / "in")
    for number in range(3):
        clip(tmp_path / f"in/new{number}.wav")
    assert transcribe(tmp_path, *RUN).code == 0
    assert counts(tmp_path) == ("finished", 3, 3, 0, 0, 0, 5)
    said = transcribe(tmp_path, "--status", "run").out.decode()
    assert "3 files: 3 done" in said
    assert "5 from an earlier plan" in said


def test_a_removed_input_s_failure_does_not_count_any_more(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    (tmp_path / "in/empty.wav").touch()
    assert transcribe(tmp_path, *RUN).code == 1
    assert counts(tmp_path) == ("finished", 3, 2, 1, 0, 0, 0)
    (tmp_path / "in/empty.wav").unlink()
    assert transcribe(tmp_path, *RUN).code == 0
    assert counts(tmp_path) == ("finished", 2, 2, 0, 0, 0, 1)


def test_changed_options_leave_everything_to_do_until_it_is_done_again(tmp_path: Path) -> None:
    finished(tmp_path, 20)
    process = start(tmp_path, "transcribe", *RUN, "--language", "en", engine=SLOW)
    until(lambda: 0 < status(tmp_path)["done"] < 20)
    while (found := status(tmp_path))["running"]:
        assert found["done"] + found["left"] == found["total"] == 20
        assert found["done"] + found["earlier"] == 20
        assert len(found["in_hand"]) <= found["left"]
    _, err = process.communicate(timeout=60)
    assert b"20 files that are done will be transcribed again, because the options have" in err
    assert counts(tmp_path) == ("finished", 20, 20, 0, 0, 0, 0)


def test_killed_with_changed_options_nothing_is_in_hand_and_the_rest_is_left(
    tmp_path: Path,
) -> None:
    finished(tmp_path, 20)
    process = start(tmp_path, "transcribe", *RUN, "--language", "en", engine=SLOW)
    until(lambda: status(tmp_path)["done"] not in (0, 20))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = status(tmp_path)
    assert (found["state"], found["in_hand"]) == ("stopped", [])
    assert found["done"] + found["left"] == 20
    assert transcribe(tmp_path, *RUN, "--language", "en").code == 0
    assert counts(tmp_path) == ("finished", 20, 20, 0, 0, 0, 0)


def test_a_file_is_done_only_while_its_outputs_exist_and_its_input_is_the_same(
    tmp_path: Path,
) -> None:
    finished(tmp_path, 3)
    (tmp_path / "out/1/clip01.txt").unlink()
    assert counts(tmp_path) == ("stopped", 3, 2, 0, 0, 1, 0)
    os.utime(tmp_path / "in/0/clip00.wav", (1, 1))
    assert counts(tmp_path) == ("stopped", 3, 1, 0, 0, 2, 1)
    done = transcribe(tmp_path, *RUN)
    assert "2 files that are done will be transcribed again, " in done.err
    assert "1 because the recording has changed" in done.err
    assert "1 because an output is missing or has changed" in done.err
    assert counts(tmp_path) == ("finished", 3, 3, 0, 0, 0, 0)
    assert "again" not in transcribe(tmp_path, *RUN).err


def test_shards_of_another_count_are_another_plan_s(tmp_path: Path) -> None:
    batch(tmp_path, 12)
    for number in (1, 2, 3):
        assert transcribe(tmp_path, *RUN, "--shard", f"{number}/3").code == 0
    assert counts(tmp_path)[:4] == ("finished", 12, 12, 0)
    assert transcribe(tmp_path, *RUN, "--shard", "1/2", "--overwrite").code == 0
    found = status(tmp_path)
    assert found["total"] == 12
    assert 0 < found["done"] < 12
    assert found["done"] + found["left"] == found["done"] + found["earlier"] == 12
    assert found["shards"] == {"begun": 1, "of": 2}
    assert transcribe(tmp_path, *RUN, "--shard", "2/2", "--overwrite").code == 0
    assert counts(tmp_path) == ("finished", 12, 12, 0, 0, 0, 0)


def test_what_is_skipped_or_refused_at_once_counts_too(tmp_path: Path) -> None:
    batch(tmp_path, 3)
    (tmp_path / "out/0").mkdir(parents=True)
    (tmp_path / "out/0/clip00.txt").write_text("Somebody wrote this by hand.")
    assert transcribe(tmp_path, *RUN).code == 1
    assert counts(tmp_path) == ("finished", 3, 2, 1, 0, 0, 0)


def test_a_journal_with_bad_lines_goes_on_and_says_so(tmp_path: Path) -> None:
    finished(tmp_path, 3)
    path = tmp_path / "run/journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if b'"ended"' in line)
    lines[first] = lines[first].replace(b'"ok"', b'"o', 1)
    path.write_bytes(b"".join(lines))
    assert counts(tmp_path) == ("stopped", 3, 2, 0, 0, 1, 0)
    before = content(tmp_path / "out")
    done = transcribe(tmp_path, *RUN)
    assert done.code == 0, done.err
    assert "1 line of the run's journal can't be read" in done.err
    assert counts(tmp_path) == ("finished", 3, 3, 0, 0, 0, 0)
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("answer", "more", "code"), [(b"n\r", (), 1), (b"y\r", (), 0), (b"", ("--yes",), 0)]
)
def test_on_a_terminal_it_asks_before_done_files_are_transcribed_again(
    tmp_path: Path, answer: bytes, more: tuple[str, ...], code: int
) -> None:
    finished(tmp_path, 2)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        asked = [COMMAND, "transcribe", *RUN, "--language", "en", *more]
        os.execve(COMMAND, asked, environment(tmp_path, MOCK))
    seen = bytearray()
    try:
        while data := os.read(terminal, 65536):
            seen += data
            if b"[y/N]" in data:
                os.write(terminal, answer)
    except OSError:
        pass  # EIO: the command has ended
    os.close(terminal)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == code, seen
    assert b"2 files that are done will be transcribed again" in seen
    assert (b"[y/N]" in seen) is bool(answer)
    assert counts(tmp_path)[2] == 2
