from __future__ import annotations

import pytest

from parakeet_cli.doctor.container import HOST_SIDES, Container, host_side


@pytest.mark.parametrize("engine", HOST_SIDES)
def test_each_engine_is_told_how_a_container_gets_a_gpu_and_shared_memory(engine: str) -> None:
    side = host_side(Container(engine))
    assert side.gpu
    assert side.compute
    assert "shm" in side.shared_memory


def test_an_unknown_engine_is_told_what_docker_is() -> None:
    assert host_side(Container("")) == HOST_SIDES["Docker"]
