"""Tests how the engine is made for a device, without starting its worker."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo import engine
from parakeet_cli.engines.nemo.engine import GPU_CONCURRENCY, Nemo
from parakeet_cli.engines.nemo.worker.batches import MAX_BATCH, next_batch
from parakeet_cli.errors import EngineUnavailable
from tests.unit.engines.nemo.worker.test_batches import Chunk


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of the tests has neither NeMo nor torch."""
    monkeypatch.setattr(engine, "require_packages", lambda python, model: None)


def made(folder: Path, device: str, *, threads: int | None = None, concurrency: int = 64) -> Nemo:
    model = folder / "model.nemo"
    model.write_bytes(b"")
    options = EngineOptions(model=str(model), device=device, threads=threads)
    return Nemo(options, concurrency=concurrency)


@pytest.mark.parametrize("threads", [None, 1, 8])
def test_the_chunks_in_flight_on_a_gpu_have_nothing_to_do_with_the_cores(
    tmp_path: Path, threads: int | None
) -> None:
    assert made(tmp_path, "cuda", threads=threads).concurrency == GPU_CONCURRENCY
    assert made(tmp_path, "cuda:1", threads=threads).max_inflight_seconds > 3840


def test_on_a_cpu_one_core_transcribes_one_chunk_at_a_time(tmp_path: Path) -> None:
    assert made(tmp_path, "cpu", threads=1).concurrency == 1
    assert made(tmp_path, "cpu", threads=2).concurrency == 16
    assert made(tmp_path, "cpu", threads=2, concurrency=1).concurrency == 1


def test_a_single_chunk_is_alone_on_a_gpu_too(tmp_path: Path) -> None:
    assert made(tmp_path, "cuda", concurrency=1).concurrency == 1


def test_where_a_gpu_is_only_listed_its_use_is_not_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "has_gpu", lambda: True)
    assert made(tmp_path, "auto").concurrency == GPU_CONCURRENCY  # a guess of its size alone
    loaded = {
        "device": "cpu",
        "gpu": None,
        "precision": "float32",
        "graphs": None,
        "graphs_reason": None,
    }
    assert engine._where(loaded) == "cpu (float32)"


def test_a_torch_without_cuda_beside_a_gpu_is_refused_unless_the_cpu_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "has_gpu", lambda: True)
    monkeypatch.setattr(engine, "torch_without_cuda", lambda _: "torch 2.13.0+cpu")
    with pytest.raises(EngineUnavailable, match=r"torch 2\.13\.0\+cpu is built without") as refused:
        made(tmp_path, "auto")
    assert "parakeet doctor --python" in (refused.value.hint or "")
    assert made(tmp_path, "cpu").runs_on == "cpu"


@pytest.mark.parametrize(
    ("mode", "reason", "words"),
    [
        ("full_graph", None, "NVIDIA T4 (cuda:1, float16, CUDA graphs)"),
        ("no_while_loops", "cuda-python", "NVIDIA T4 (cuda:1, float16, CUDA graphs in parts)"),
        (None, "cuda-python", "NVIDIA T4 (cuda:1, float16, no CUDA graphs)"),
        (None, None, "NVIDIA T4 (cuda:1, float16)"),  # a CTC head
    ],
)
def test_a_gpu_is_named_with_its_number_precision_and_graphs(
    mode: str | None, reason: str | None, words: str
) -> None:
    loaded = {
        "device": "cuda:1", "gpu": "NVIDIA T4", "precision": "float16", "graphs": mode,
        "graphs_reason": reason,
    }  # fmt: skip
    assert engine._where(loaded) == words


def mean_batch(in_flight: int, chunks: int = 20_000) -> float:
    """The mean batch with speech of mixed length, two batches at work and the rest queued."""
    chance = random.Random(14)
    lengths = iter([min(120.0, chance.lognormvariate(1.6, 0.9)) for _ in range(chunks)])
    queue: list[Chunk] = []
    working: list[list[Chunk]] = []
    sizes: list[int] = []
    number = 0
    while True:
        while len(queue) + sum(map(len, working)) < in_flight:
            seconds = next(lengths, None)
            if seconds is None:
                return sum(sizes) / len(sizes)
            queue.append(Chunk(seconds, number=number))
            number += 1
        batch = next_batch(queue, 3840.0, MAX_BATCH)
        taken = {one.number for one in batch}
        queue = [one for one in queue if one.number not in taken]
        sizes.append(len(batch))
        working.append(batch)
        if len(working) == 2:
            working.pop(0)


def test_enough_chunks_are_in_flight_for_full_batches_of_a_length() -> None:
    assert mean_batch(GPU_CONCURRENCY) > 0.75 * MAX_BATCH
    assert mean_batch(256) < 0.6 * MAX_BATCH  # what there was
