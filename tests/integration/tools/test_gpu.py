"""Runs `make gpu` where there is no GPU: a trial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.system.hardware import list_gpus
from tests.stacks import Stacks

ROOT = Path(__file__).parents[3]


def trial(out: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], str]:
    if list_gpus().gpus:
        pytest.skip("there is a GPU: make gpu measures it")
    command = [sys.executable, "bench/gpu.py", "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing was measured on a GPU" in done.stdout
    text = out.read_text(encoding="utf-8")
    assert "**Nothing was measured on a GPU**: nvidia-smi lists none. This is a trial" in text
    assert "| test_cuda_graphs_are_captured_and_used | skipped | no NVIDIA GPU" in text
    assert "## GPU report" in text
    return done, text


@pytest.mark.slow
def test_without_a_gpu_and_a_stack_a_trial_says_what_was_left_out(tmp_path: Path) -> None:
    _, text = trial(tmp_path / "report.md")
    assert "Not run: no ML stack: BENCH_STACK names the python of one." in text


@pytest.mark.slow
def test_without_a_gpu_a_trial_measures_on_the_cpu(stacks: Stacks, tmp_path: Path) -> None:
    _, text = trial(tmp_path / "report.md", "--python", str(stacks("verified").python))
    assert "The worker: CPU, float32." in text
    rows = [line.split("|") for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert [row[1].strip() for row in rows] == ["1", "2"]
    for row in rows:
        worker, transcribe, loop = (float(cell) for cell in row[2:5])
        assert min(worker, transcribe, loop) > 0
    assert "Not run: it takes minutes on a CPU" in text
