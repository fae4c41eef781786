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
