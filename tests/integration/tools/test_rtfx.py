"""Runs the measurement for GPUs on the CPU, with one layer of the model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import Stacks

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_both_are_timed_and_a_trial_run_is_labelled_as_one(stacks: Stacks) -> None:
    python = str(stacks("verified").python)
    little = ["--layers", "1", "--files", "24", "--batch", "2", "--rounds", "1", "--hours", "0.01"]
    done = subprocess.run(
        [sys.executable, "bench/rtfx.py", python, "--device", "cpu", *little],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # on a busy machine threads wait for each other
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "A trial of the script" in done.stdout
    for name in ("parakeet transcribe", r"NeMo's transcribe\(\), batches of 2"):
        found = re.search(rf"\| {name} \| (\d+\.\d) \|", done.stdout)
        assert found, done.stdout
        assert float(found[1]) > 0
    assert "1 layers" in done.stdout
    assert not (ROOT / "bench-data" / "rtfx").exists()
