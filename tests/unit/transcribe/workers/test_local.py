from __future__ import annotations

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.transcribe.workers.local import automatic_count, share_of


def test_workers_share_the_cores_and_the_gpus() -> None:
    options = EngineOptions(threads=7)
    assert [share_of(options, place, 3).threads for place in range(3)] == [3, 2, 2]
    assert share_of(EngineOptions(threads=1), 1, 4).threads == 1
    gpus = ("cuda:0", "cuda:1")
    assert [share_of(options, place, 4, gpus).device for place in range(4)] == [*gpus, *gpus]
    assert share_of(EngineOptions(device="cpu"), 0, 2, gpus).device == "cpu"
    assert automatic_count(options, gpus, 100) == 2
    assert automatic_count(EngineOptions(device="cuda:1"), gpus, 100) == 1
    assert automatic_count(EngineOptions(threads=1), (), 100) == 1
    assert automatic_count(EngineOptions(threads=64), (), 1) == 1


def test_engines_that_share_a_gpu_or_the_cpu_know_how_many_they_are() -> None:
    gpus = ("cuda:0", "cuda:1")
    options = EngineOptions(threads=8)
    assert [share_of(options, place, 5, gpus).sharers for place in range(5)] == [3, 2, 3, 2, 3]
    assert share_of(options, 0, 2, gpus).sharers == 1
    for device in ("cpu", "cuda:1"):
        assert share_of(EngineOptions(device=device), 1, 3, gpus).sharers == 3
    assert share_of(EngineOptions(), 1, 3).sharers == 3


def test_each_worker_sees_its_own_part_of_a_gpu() -> None:
    parts = ("MIG-5c89", "MIG-0d3f")
    assert {share_of(EngineOptions(), place, 2, parts).device for place in (0, 1)} == {"cuda:0"}
