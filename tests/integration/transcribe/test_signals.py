"""SIGTERM and SIGHUP: what was begun is finished within a grace, and the same command goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.transcribe.command import MOCK, clip, files, start, transcribe
from tests.integration.transcribe.test_runs import RUN, SLOW, batch, content, journal, status
from tests.integration.transcribe.test_workers import TWO

COUNT = 40
NUMBERS = (signal.SIGTERM, signal.SIGHUP)
SLOWER = {**MOCK, "PARAKEET_MOCK_RTF": "1"}  # 3 s a clip
MANIFEST = ("--manifest-out", "m.jsonl")


def until_files(folder: Path, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 60
    while not files(folder / "out") and process.poll() is None:
        assert time.monotonic() < limit, "it never came so far"
        time.sleep(0.01)


def ended_whole(folder: Path, ended: dict[str, bytes]) -> None:
    """Hold outputs, journal, manifest and status against each other and a clean run's outputs."""
    found = content(folder / "out")
    assert found.items() <= ended.items()
    names = {Path(name).stem for name in found}
    assert {Path(name).stem for name in journal(folder, "ended")} == names
    lines = map(json.loads, (folder / "m.jsonl").read_text().splitlines())
    assert {Path(line["audio_filepath"]).stem for line in lines} == names
    told = status(folder)
    assert (told["done"], told["left"], told["in_hand"]) == (len(names), COUNT - len(names), [])


def signalled(folder: Path, way: tuple[str, ...], times: int, seed: int) -> int:
    """Send signals at seeded moments of a run; how often one came in the middle of it."""
    batch(folder, COUNT)
    assert transcribe(folder, "in", "-f", "txt,json", "-o", "whole").code == 0
    whole = content(folder / "whole")
    rolls = random.Random(seed)
    middle = 0
    for turn in range(times):
        shutil.rmtree(folder / "out", ignore_errors=True)
        shutil.rmtree(folder / "run", ignore_errors=True)
        asked = ("transcribe", *RUN, *MANIFEST, *way)
        process = start(folder, *asked, engine=SLOW, start_new_session=True)
        until_files(folder, process)
        time.sleep(rolls.uniform(0, 0.5))
        number = NUMBERS[turn % 2]
        # A batch system sends it to every process, and first what lets stopped ones go on.
        send = os.killpg if rolls.random() < 0.5 else os.kill
        send(process.pid, signal.SIGCONT)
        send(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode in (0, 128 + number), err
        assert b"Traceback" not in err
        ended_whole(folder, whole)
        if process.returncode:
            assert f"{number.name}: what is in work has 25 s".encode() in err
            assert b"The same command goes on from here." in err
            middle += 0 < len(content(folder / "out")) < len(whole)
    again = transcribe(folder, *RUN, *MANIFEST, *way)  # as a requeued job does
    assert again.code == 0, again.err
    assert content(folder / "out") == whole
    assert set(journal(folder, "ended").values()) == {1}
    return middle


@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_told_to_end_at_any_moment_everything_is_whole_and_goes_on(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    assert signalled(tmp_path, way, 3, 1) >= 2


@pytest.mark.soak
@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_told_to_end_at_thirty_moments(tmp_path: Path, way: tuple[str, ...]) -> None:
    assert signalled(tmp_path, way, 30, 2) >= 20


@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_what_was_begun_is_finished_and_nothing_else_is_begun(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    batch(tmp_path, 6)
    process = start(tmp_path, "transcribe", *RUN, *way, "--threads", "2", engine=SLOWER)
    limit = time.monotonic() + 60
    while not journal(tmp_path, "begun"):
        assert time.monotonic() < limit
        time.sleep(0.01)
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert 0 < len(journal(tmp_path, "ended")) <= len(journal(tmp_path, "begun"))


@pytest.mark.parametrize("way", [(), TWO], ids=["one", "workers"])
def test_the_status_is_true_while_a_batch_ends(tmp_path: Path, way: tuple[str, ...]) -> None:
    batch(tmp_path, 8)
    process = start(tmp_path, "transcribe", *RUN, *way, engine=SLOWER)
    limit = time.monotonic() + 60
    while not journal(tmp_path, "begun"):
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    asked = 0
    while True:
        ended = process.poll() is not None
        told = status(tmp_path)
        written = {Path(name).stem for name in files(tmp_path / "out") if name.endswith(".json")}
        assert (told["done"] + told["left"], told["failed"]) == (8, 0)
        assert told["done"] <= len(written)
        assert len(told["in_hand"]) <= told["left"]
        if ended:
            break
        asked += told["state"] == "running" and bool(told["in_hand"])
    process.communicate()
    assert process.returncode == 143
    assert asked
    assert (told["state"], told["done"], told["in_hand"]) == ("stopped", len(written), [])


def test_what_takes_longer_than_the_grace_is_handed_back(tmp_path: Path) -> None:
    batch(tmp_path, 2)
    slow = {**MOCK, "PARAKEET_MOCK_RTF": "20"}  # a minute a clip
    process = start(tmp_path, "transcribe", *RUN, *MANIFEST, "--grace", "1s", engine=slow)
    limit = time.monotonic() + 60
    while not journal(tmp_path, "begun"):
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert (tmp_path / "m.jsonl").read_bytes() == b""
    assert not journal(tmp_path, "ended")
    assert transcribe(tmp_path, *RUN).code == 0


@pytest.mark.parametrize("number", NUMBERS)
def test_before_the_work_begins_it_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    clip(tmp_path / "a.wav")
    code = f"import signal; signal.raise_signal({int(number)})"
    (tmp_path / "numpy.py").write_text(code)  # the first thing that is imported then
    done = transcribe(
        tmp_path, "a.wav", "-f", "txt", "-o", "out", env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.code == 128 + number, done.err
    assert "Interrupted." in done.err
    assert not files(tmp_path / "out")


@pytest.mark.parametrize("number", NUMBERS)
def test_one_recording_is_finished_too(tmp_path: Path, number: signal.Signals) -> None:
    clip(tmp_path / "a.wav")
    process = start(tmp_path, "transcribe", "a.wav", "-f", "txt", "-o", "out", engine=SLOWER)
    limit = time.monotonic() + 60
    while b"Engine" not in os.read(process.stderr.fileno(), 65536):  # type: ignore[union-attr]
        assert time.monotonic() < limit
    time.sleep(0.7)  # of the three seconds that it takes
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    assert files(tmp_path / "out") == {"a.txt"}


def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    batch(tmp_path, 6)
    process = start(tmp_path, "transcribe", *RUN, engine=SLOW, through=("nohup",))
    until_files(tmp_path, process)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


@pytest.mark.parametrize("given", ["soon", "-1"])
def test_an_invalid_grace_is_refused(tmp_path: Path, given: str) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", f"--grace={given}")
    assert done.code == 2
    assert "it must be a number of seconds" in done.err
