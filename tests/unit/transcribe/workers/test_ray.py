from __future__ import annotations

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.transcribe.workers.ray import ActorLayout

CPU_NODES = [{"CPU": 8.0}, {"CPU": 4.0}]
GPU_NODES = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0}]


@pytest.mark.parametrize(
    ("nodes", "count", "threads", "gpu", "layout"),
    [
        (CPU_NODES, None, None, False, ActorLayout(3, 4, 0.0)),
        (CPU_NODES, 1, None, False, ActorLayout(1, 8, 0.0)),  # no more than one node has
        (CPU_NODES, 4, 4, False, ActorLayout(4, 1, 0.0)),
        (GPU_NODES, None, None, True, ActorLayout(2, 12, 1.0)),
        (GPU_NODES, 4, None, True, ActorLayout(4, 6, 0.5)),
        (GPU_NODES, 1, None, True, ActorLayout(1, 16, 1.0)),
        (GPU_NODES, None, None, False, ActorLayout(6, 4, 0.0)),
        ([], None, None, True, ActorLayout(1, 1, 0.0)),
    ],
)
def test_actors_share_the_cores_and_gpus_of_the_nodes(
    nodes: list[dict[str, float]],
    count: int | None,
    threads: int | None,
    gpu: bool,
    layout: ActorLayout,
) -> None:
    assert ActorLayout.of(nodes, count, EngineOptions(threads=threads), gpu=gpu) == layout
