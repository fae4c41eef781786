"""Workers that stand still, as after SIGSTOP: they are replaced, and cost no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.transcribe.command import environment, files, transcribe
from tests.integration.transcribe.test_runs import RUN, batch, content
from tests.integration.transcribe.test_workers import TWO, workers_of

ROOT = Path(__file__).parents[3]
HASTY = """
import sys
from parakeet_cli.cli.app import app
from parakeet_cli.transcribe.workers import hangs
hangs.FLOOR_SECONDS = 3.0
sys.exit(app(sys.argv[1:], standalone_mode=False))
"""
SLOW = {"PERSONALPARAKEET_USE_MOCK_STT": "true", "PARAKEET_MOCK_RTF": "0.05"}


def start_hasty(folder: Path, *asked: str) -> subprocess.Popen[str]:
    """The command with little patience: a worker may be silent for seconds only."""
    return subprocess.Popen(
        [sys.executable, "-c", HASTY, "transcribe", *asked],
        cwd=folder,
        env={**environment(folder, SLOW), "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_one(process: subprocess.Popen[str], folder: Path, find: Callable[[int], list[int]]) -> int:
    """SIGSTOP one of the processes once some outputs are there."""
    until = time.monotonic() + 120
    while len(files(folder / "out")) < 4:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    chosen = find(process.pid)[0]
    os.kill(chosen, signal.SIGSTOP)
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("way", [(), TWO])
def test_a_worker_that_is_stopped_is_replaced_and_every_file_is_done(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    batch(tmp_path, 16)
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "whole").code == 0
    process = start_hasty(tmp_path, *RUN, *way)
    stopped = stop_one(process, tmp_path, workers_of)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "16 files: 16 ok." in err
    assert "A worker made no progress for " in err
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert not Path(f"/proc/{stopped}/cmdline").exists()


HANGING = """
from parakeet_cli.engines.mock import Mock
from parakeet_cli.transcribe.workers import worker
real = Mock.transcribe
def transcribe(mock, chunk):
    if "poison" in chunk.source:
        import time
        time.sleep(10_000)
    return real(mock, chunk)
Mock.transcribe = transcribe
worker.main()
"""


@pytest.mark.slow
def test_a_file_on_which_the_engine_hangs_each_time_fails_alone(tmp_path: Path) -> None:
    batch(tmp_path, 5)
    (tmp_path / "in/9").mkdir()
    (tmp_path / "in/0/clip00.wav").rename(tmp_path / "in/9/poison.wav")
    entry = f"from parakeet_cli.transcribe.workers import local\nlocal.ENTRY = {HANGING!r}\n"
    driver = HASTY.replace("hangs.FLOOR", entry + "hangs.FLOOR")
    done = subprocess.run(
        [sys.executable, "-c", driver, "transcribe", *RUN],
        cwd=tmp_path,
        env={**environment(tmp_path, SLOW), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    assert "5 files: 4 ok, 1 failed." in done.stderr
    assert "The engine's process made no progress with in/9/poison.wav for" in done.stderr
    assert "Traceback" not in done.stderr
