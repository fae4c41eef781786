"""The ML interpreter whose torch uses an NVIDIA GPU: `make gpu` names it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

import pytest

from parakeet_cli.system.hardware import list_gpus

ASK = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps([list(torch.cuda.get_device_capability(one)) for one in range(count)]))
"""


@dataclass(frozen=True, slots=True)
class GpuStack:
    """An ML interpreter, and the compute capability of each GPU that its torch sees."""

    python: str
    capabilities: tuple[tuple[int, int], ...]


@pytest.fixture(scope="session")
def gpu_stack() -> GpuStack:
    listed = list_gpus()
    if not listed.gpus:
        pytest.skip(f"no NVIDIA GPU: {listed.problem or 'nvidia-smi is not on PATH'}")
    python = os.environ.get("PARAKEET_TEST_GPU_PYTHON")
    if not python:
        pytest.skip("PARAKEET_TEST_GPU_PYTHON names no ML interpreter")
    done = subprocess.run(
        [python, "-B", "-c", ASK], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found, f"there is a GPU, and torch in {python} sees none: parakeet doctor"
    return GpuStack(python, tuple((major, minor) for major, minor in found))
