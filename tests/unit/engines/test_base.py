"""What every engine's module shares."""

from __future__ import annotations

import pytest

from parakeet_cli.engines.base import gpu_index


@pytest.mark.parametrize(("device", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:3", 3)])
def test_a_device_without_a_number_is_the_first_gpu(device: str, index: int) -> None:
    assert gpu_index(device) == index
