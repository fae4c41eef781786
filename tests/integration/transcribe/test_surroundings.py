"""Full disks, lost folders, refused credentials: no file is blamed, and the command goes on."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.transcribe.command import clip, start, transcribe
from tests.integration.transcribe.test_crashes import mounted
from tests.integration.transcribe.test_runs import RUN, SLOW, batch, content, status
from tests.integration.transcribe.test_workers import TWO

NO_WAIT = ("--wait", "0")


def clean(folder: Path, count: int) -> dict[str, bytes]:
    """A batch, and the outputs of an undisturbed run of it."""
    batch(folder, count)
    assert transcribe(folder, "in", "-f", "txt,json", "-o", "whole").code == 0
    return content(folder / "whole")


def stopped(err: str) -> str:
    """The one line that says why."""
    (line,) = [line for line in err.splitlines() if line.startswith("Stopped: ")]
    assert "Failed: " not in err
    assert "none of them counts as failed" in err
    return line


@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_a_disk_that_fills_stops_the_run_and_fails_no_file(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    whole = clean(tmp_path, 30)
    with mounted(tmp_path / "out", "size=64k"):
        done = transcribe(tmp_path, *RUN, *way, *NO_WAIT, "--manifest-out", "m.jsonl")
        assert done.code == 4, done.err
        assert "the disk of the outputs is full, for " in stopped(done.err)
        assert "Make room on the disk" in done.err
        assert "The same command goes on from here." in done.err
        found = status(tmp_path)
        assert (found["state"], found["failed"]) == ("stopped", 0)
        assert found["done"] + found["left"] == found["total"] == 30
        assert len((tmp_path / "m.jsonl").read_text().splitlines()) == found["done"]
        subprocess.run(["mount", "-o", "remount,size=4m", tmp_path / "out"], check=True)
        again = transcribe(tmp_path, *RUN, *way)
        assert again.code == 0, again.err
        assert content(tmp_path / "out") == whole
        assert status(tmp_path)["done"] == 30


def test_a_disk_that_gets_room_again_costs_only_time(tmp_path: Path) -> None:
    whole = clean(tmp_path, 20)
    with mounted(tmp_path / "out", "size=64k"):
        process = start(tmp_path, "transcribe", *RUN, "--wait", "2s", engine=SLOW)
        assert process.stderr is not None
        waiting = next(line for line in process.stderr if line.startswith(b"Waiting: "))
        assert b"the disk of the outputs is full" in waiting
        subprocess.run(["mount", "-o", "remount,size=4m", tmp_path / "out"], check=True)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert content(tmp_path / "out") == whole
    assert "20 files: 20 ok." in err.decode()


def test_recordings_that_vanish_with_their_folder_fail_no_file(tmp_path: Path) -> None:
    for number in range(20):
        clip(tmp_path / f"in/{number}.wav")
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "whole").code == 0
    process = start(tmp_path, "transcribe", *RUN, *NO_WAIT, engine=SLOW)
    limit = time.monotonic() + 60
    while not list((tmp_path / "out").rglob("*.json")):
        assert time.monotonic() < limit
        time.sleep(0.01)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "recordings that were there are gone" in stopped(err.decode())
    assert status(tmp_path)["failed"] == 0
    (tmp_path / "elsewhere").rename(tmp_path / "in")
    again = transcribe(tmp_path, *RUN)
    assert again.code == 0, again.err
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_run_s_own_disk_that_is_full_is_the_surroundings_too(tmp_path: Path) -> None:
    batch(tmp_path, 3)
    with mounted(tmp_path / "run", "size=4k"):
        done = transcribe(tmp_path, *RUN, *NO_WAIT)
        assert done.code == 4, done.err
        assert "No space left on device" in done.err


def test_many_files_of_one_fault_have_one_line_and_a_way_to_try_again(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    for number in range(5):
        (tmp_path / f"in/empty{number}.wav").touch()
    done = transcribe(tmp_path, *RUN)
    assert done.code == 1
    lines = [line for line in done.err.splitlines() if line.startswith("Failed: ")]
    assert lines == [
        "Failed: 5 files (in/empty0.wav, in/empty1.wav, in/empty2.wav and 2 more): "
        "is empty: it has no bytes at all."
    ]
    assert "The same command with --retry-failed tries the 5 that failed again." in done.err
