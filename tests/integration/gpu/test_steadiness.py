"""On a GPU: graphs, precision, memory over hours, and each GPU alone. `make gpu` runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.probes.throughput import HOURS, LOAD, MeasurePlan, Subject, measure
from parakeet_cli.engines.nemo.worker.loading import precision_for
from tests.integration.gpu.comparing import CLIPS, WORKER, loaded_engine
from tests.integration.gpu.conftest import GpuStack
from tests.integration.transcribe.nemo_clips import TDT, clips
from tests.integration.transcribe.nemo_engine import words_of

pytestmark = pytest.mark.gpu

MAX_GROWTH = 1.05
MAX_CAPTURES = 8  # a handful over any mixture of lengths, once the first batches were decoded
PROCESSES = ["nvidia-smi", "--query-compute-apps=pid,gpu_uuid", "--format=csv,noheader"]


@pytest.fixture(scope="module")
def measured(gpu_stack: GpuStack) -> Mapping[str, Mapping[str, Any]]:
    """What the doctor's probe measures with the small Parakeet: values by step."""
    subject = Subject(str(WORKER), str(CLIPS[0]), str(TDT), TDT.name)
    plan = MeasurePlan(batches=(1, 32, 128), count=256, seconds=10.0)
    steps = measure(gpu_stack.python, subject, plan, print)
    assert [one.cause for one in steps if not one.ok] == []
    return {one.name: one.values for one in steps}


def test_cuda_graphs_are_captured_and_used(measured: Mapping[str, Mapping[str, Any]]) -> None:
    batches = [values for name, values in measured.items() if name.startswith("batch")]
    # Full graphs need cuda-python, which is in no requirements file.
    modes = {values["graph_mode"] for values in batches}
    assert modes <= {"full_graph", "no_while_loops"}, batches[0]["no_graphs"]
    # One batch of the usual size and length is captured at the load, and serves for all of these.
    assert measured[LOAD]["captures"] > 0
    assert sum(values["captures_before"] + values["captures"] for values in batches) == 0


def test_the_precision_suits_the_card(
    gpu_stack: GpuStack, measured: Mapping[str, Mapping[str, Any]]
) -> None:
    assert measured[LOAD]["precision"] == precision_for(gpu_stack.capabilities[0])


def test_memory_doesnt_grow_over_an_hour(measured: Mapping[str, Mapping[str, Any]]) -> None:
    for kind in ("ram", "gpu_memory"):
        early, late = measured[HOURS][kind]
        assert 0 < late <= MAX_GROWTH * early, kind


def test_few_graphs_are_captured_anew_over_an_hour(
    measured: Mapping[str, Mapping[str, Any]],
) -> None:
    assert measured[HOURS]["captures"] <= MAX_CAPTURES


def test_the_last_gpu_is_used_and_no_other(gpu_stack: GpuStack) -> None:
    last = len(gpu_stack.capabilities) - 1
    if last < 1:
        pytest.skip("there is one GPU only")
    before = set(running())
    engine = loaded_engine(gpu_stack.python, f"cuda:{last}")
    try:
        assert words_of(engine, clips()[0].sound())
        assert engine.info.device == f"cuda:{last}"
        added = [row for row in running() if row not in before]
        if not added:
            pytest.skip("nvidia-smi shows no processes here, as in many containers")
        assert len({uuid for _, uuid in added}) == 1
    finally:
        engine.close()


def running() -> list[tuple[str, str]]:
    """(process, GPU) of each process on a GPU."""
    listed = subprocess.run(PROCESSES, capture_output=True, text=True, check=True).stdout
    rows = [line.split(",") for line in listed.splitlines() if line.count(",") == 1]
    return [(pid.strip(), uuid.strip()) for pid, uuid in rows]


def test_the_doctors_report_is_complete(gpu_stack: GpuStack, tmp_path: Path) -> None:
    out = tmp_path / "report.md"
    command = [sys.executable, "-m", "parakeet_cli", "doctor", "--gpu-report", str(out)]
    command += ["--python", gpu_stack.python, "--model", str(TDT), "--hours", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = out.read_text(encoding="utf-8")
    assert done.returncode == 0, done.stderr + text
    assert "**Measured on " in text
    assert "What was left out" not in text
    for size in (1, 8, 32, 128, 256):
        assert f"\n| {size} | " in text
