"""The command with the engine nemo, while its GPU fails in every way: which files that costs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.transcribe.command import Done, transcribe
from tests.integration.transcribe.nemo_engine import write
from tests.media_files import speech
from tests.scripted_worker import CHANGES, COUNTS, VARIABLE, write_interpreter

FILES = 6
POISON = 3  # the file that breaks every worker
ILLEGAL = "CUDA error: an illegal memory access was encountered"
STICKY = (
    ILLEGAL,
    "CUDA error: device-side assert triggered",
    "CUDA error: unspecified launch failure",
)
PASSING = ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "CUDA error: invalid configuration")
MEMORY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB.",
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",  # nothing is free
    "cuFFT error: CUFFT_ALLOC_FAILED",
)


def run(
    folder: Path,
    faults: dict[str, dict[str, str]],
    *,
    files: int = FILES,
    more: dict[str, str] | None = None,
    through: Sequence[str] = (),
) -> Done:
    counts = folder / "counts"
    counts.mkdir()
    (folder / "model.nemo").write_bytes(b"")
    for number in range(files):
        write(folder / f"{number}.wav", speech(2.0 + 0.25 * number))
    return transcribe(
        folder, *(f"{number}.wav" for number in range(files)),
        "-f", "txt", "-f", "json", "-v", "--no-vad", "--trust-model",
        engine={
            "PARAKEET_ENGINE": "nemo", "PARAKEET_MODEL": "model.nemo",
            "PARAKEET_ML_PYTHON": str(write_interpreter(folder)),
            VARIABLE: json.dumps(faults), COUNTS: str(counts),
            **(more or {}),
        },
        through=through,
    )  # fmt: skip


def texts(folder: Path) -> list[str]:
    """The files that have a transcript."""
    return sorted(path.stem for path in folder.glob("*.txt") if path.read_text("utf-8").strip())


def loads(folder: Path) -> int:
    return len((folder / "counts" / "load").read_bytes())


ALL = [str(number) for number in range(FILES)]


def test_the_engine_line_says_what_the_worker_runs_on(tmp_path: Path) -> None:
    done = run(tmp_path, {})
    assert done.code == 0, done.err
    assert "on NVIDIA Test GPU (cuda:0, bfloat16, CUDA graphs) (" in done.err
    assert done.err.count("Engine: nemo") == 1
    assert loads(tmp_path) == 1


@pytest.mark.parametrize("text", STICKY)
@pytest.mark.parametrize("kind", ["launch", "result"])
def test_a_broken_context_costs_a_worker_and_no_file(tmp_path: Path, kind: str, text: str) -> None:
    done = run(tmp_path, {kind: {"2": text}})
    assert done.code == 0, done.err
    assert texts(tmp_path) == ALL
    assert loads(tmp_path) == 2
    assert f"exit code 1: RuntimeError: {text}" in done.err


@pytest.mark.parametrize("text", PASSING + MEMORY)
@pytest.mark.parametrize("kind", ["launch", "result"])
def test_an_error_that_passes_costs_neither(tmp_path: Path, kind: str, text: str) -> None:
    done = run(tmp_path, {kind: {"2": text}})
    assert done.code == 0, done.err
    assert texts(tmp_path) == ALL
    assert loads(tmp_path) == 1


def test_a_file_that_breaks_every_worker_is_the_only_one_that_fails(tmp_path: Path) -> None:
    assert run(tmp_path, {}).code == 0
    samples = (tmp_path / f"{POISON}.txt").read_text("utf-8").strip()
    again = tmp_path / "again"
    again.mkdir()
    done = run(again, {"poison": {samples: ILLEGAL}})
    assert done.code == 1, done.err
    assert texts(again) == [name for name in ALL if name != str(POISON)]


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: no kernel image is available for execution on the device",
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "CUDA error: CUDA driver version is insufficient for CUDA runtime version",
        ILLEGAL,
    ],
)
def test_a_device_of_no_use_stops_everything_before_a_file_is_written(
    tmp_path: Path, text: str
) -> None:
    done = run(tmp_path, {"load": {"1": text}})
    assert done.code == 3, done.err
    assert texts(tmp_path) == []
    assert "NVIDIA Test GPU" in done.err
    assert "parakeet doctor --deep --python" in done.err
    assert "Engine: nemo" not in done.err


def test_a_load_that_fails_once_after_a_crash_costs_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, {"launch": {"2": ILLEGAL}, "load": {"2": "CUDA out of memory."}})
    assert done.code == 0, done.err
    assert texts(tmp_path) == ALL
    assert loads(tmp_path) == 3


@pytest.mark.parametrize(
    ("broken", "words", "workers"),
    [
        (["full_graph"], "CUDA graphs in parts", 2),
        (["full_graph", "no_while_loops"], "no CUDA graphs", 3),
    ],
)
def test_graphs_that_break_the_worker_at_its_load_are_left_out_by_the_next(
    tmp_path: Path, broken: list[str], words: str, workers: int
) -> None:
    done = run(tmp_path, {"capture": dict.fromkeys(broken, ILLEGAL)})
    assert done.code == 0, done.err
    assert texts(tmp_path) == ALL
    assert f"on NVIDIA Test GPU (cuda:0, bfloat16, {words}) (" in done.err
    assert done.err.count("Another tries with fewer CUDA graphs") == len(broken)
    assert loads(tmp_path) == workers


def test_larger_graphs_that_break_the_worker_are_left_out_by_the_next(tmp_path: Path) -> None:
    """It costs the chunks in hand one more try, and not each worker after it."""
    assert run(tmp_path, {}).code == 0
    samples = (tmp_path / f"{POISON}.txt").read_text("utf-8").strip()
    again = tmp_path / "again"
    again.mkdir()
    done = run(again, {"larger": {samples: "captures_underway.empty() INTERNAL ASSERT FAILED"}})
    assert done.code == 0, done.err
    assert texts(again) == ALL
    assert loads(again) == 2


def test_a_device_that_is_gone_for_good_ends_the_run_with_the_engine_s_exit_code(
    tmp_path: Path,
) -> None:
    faults = {"launch": {"1": ILLEGAL}, "load": {str(n): ILLEGAL for n in range(2, 20)}}
    done = run(tmp_path, faults)
    assert done.code == 3, done.err
    assert "parakeet doctor" in done.err


def test_a_device_that_breaks_at_every_chunk_does_not_start_workers_for_ever(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, {"launch": {"*": ILLEGAL}}, files=20)
    assert done.code == 3, done.err
    assert "died 10 times in a row on NVIDIA Test GPU" in done.err
    assert loads(tmp_path) == 10


@pytest.mark.parametrize(
    "why",
    [
        "torch 2.8.0+cpu is built without CUDA",
        "torch 2.8.0 can't use it: The NVIDIA driver on your system is too old",
    ],
)
def test_a_gpu_that_torch_cannot_use_is_not_replaced_by_the_cpu_without_a_word(
    tmp_path: Path, why: str
) -> None:
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'NVIDIA T4, 7.5, 570.86.10, 15360 MiB'\n")
    smi.chmod(0o755)
    facts = {
        "device": "cpu", "gpu": None, "precision": "float32", "graphs": None, "why_cpu": why,
    }  # fmt: skip
    path = f"{smi.parent}:{os.environ['PATH']}"
    done = run(tmp_path, {}, more={"PATH": path, CHANGES: json.dumps(facts)})
    assert done.code == 3, done.err
    assert f"nvidia-smi lists a GPU, and NeMo can't use it: {why}." in done.err
    assert "`parakeet doctor --python" in done.err
    assert "Engine: nemo" not in done.err
    assert texts(tmp_path) == []


def test_where_no_gpu_is_listed_the_cpu_is_used_and_said(tmp_path: Path) -> None:
    facts = {
        "device": "cpu", "gpu": None, "precision": "float32", "graphs": None,
        "why_cpu": "torch 2.8.0+cpu is built without CUDA",
    }  # fmt: skip
    done = run(tmp_path, {}, more={"CUDA_VISIBLE_DEVICES": "", CHANGES: json.dumps(facts)})
    assert done.code == 0, done.err
    assert "Engine: nemo model on cpu (float32) (" in done.err
    assert json.loads((tmp_path / "0.json").read_bytes())["engine"]["device"] == "cpu"
