"""A worker of the engine nemo that stands still: it is ended and replaced, and costs no file."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.integration.transcribe.command import start
from tests.integration.transcribe.nemo_clips import clips, joined
from tests.integration.transcribe.nemo_engine import LIMIT, children, settings, write
from tests.integration.transcribe.test_nemo_faults import ALL, POISON, loads, run, texts
from tests.integration.transcribe.words import errors

HASTY = """
import sys
from parakeet_cli.__main__ import main
from parakeet_cli.engines.nemo import in_hand
in_hand.FLOOR_SECONDS = 3.0
sys.argv = sys.argv[1:]
sys.exit(main())
"""
WITH_LITTLE_PATIENCE = (sys.executable, "-c", HASTY)


def samples_of(folder: Path, name: int) -> str:
    """The text of a file, which is how many samples its only chunk has."""
    assert run(folder, {}).code == 0
    return (folder / f"{name}.txt").read_text("utf-8").strip()


def test_a_worker_that_stands_still_once_costs_no_file(tmp_path: Path) -> None:
    faults = {"stall": {samples_of(tmp_path, POISON): "1"}}
    again = tmp_path / "again"
    again.mkdir()
    done = run(again, faults, through=WITH_LITTLE_PATIENCE)
    assert done.code == 0, done.err
    assert texts(again) == ALL
    assert "made no progress for " in done.err
    assert loads(again) == 2


def test_a_file_at_which_each_worker_stands_still_is_tried_alone_and_fails_alone(
    tmp_path: Path,
) -> None:
    faults = {"stall": {samples_of(tmp_path, POISON): "9"}}
    again = tmp_path / "again"
    again.mkdir()
    done = run(again, faults, through=WITH_LITTLE_PATIENCE)
    assert done.code == 1, done.err
    assert texts(again) == [name for name in ALL if name != str(POISON)]
    assert "died twice over the audio from" in done.err
    assert "s: it made no progress for " in done.err
    assert loads(again) == 3


@pytest.mark.slow
def test_the_command_goes_on_after_a_real_worker_stood_still(python: str, tmp_path: Path) -> None:
    spoken = {}
    for number in range(16):
        sound, spoken[number] = joined(clips(), 20, number)
        write(tmp_path / f"{number}.wav", sound)
    process = start(
        tmp_path, "transcribe", *(f"{number}.wav" for number in spoken), "-v", "-f", "json",
        engine=settings(python), through=WITH_LITTLE_PATIENCE,
    )  # fmt: skip
    deadline = time.monotonic() + LIMIT
    while not list(tmp_path.glob("*.json")):  # its speed is known by now
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGSTOP)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err.decode()
    assert b"made no progress for " in err
    assert b"16 files: 16 ok" in err
    assert not Path(f"/proc/{worker}").exists()
    for number, reference in spoken.items():
        found = json.loads((tmp_path / f"{number}.json").read_bytes())
        words = [word["word"] for segment in found["segments"] for word in segment["words"]]
        assert errors(reference, words) <= max(1, 0.03 * len(reference))
