"""The findings for four cards with several drivers and recorded torch builds.

nvidia-smi is a script on PATH with the output of the real one; the arch lists of the builds
are those in their own libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.fake_stack import (
    CU126,
    CU128_27,
    CU128_28,
    CU130,
    Environment,
    gpu_line,
    nvidia_smi,
    torch,
)

BUILDS: dict[str, tuple[str, str, str]] = {
    "2.6.0+cu126": ("2.6.0+cu126", "12.6", CU126),
    "2.7.1+cu128": ("2.7.1+cu128", "12.8", CU128_27),
    "2.9.1+cu128": ("2.9.1+cu128", "12.8", CU128_28),
    "2.13.0+cu130": ("2.13.0+cu130", "13.0", CU130),
}


@pytest.fixture(scope="module")
def builds(
    healthy: Environment, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Environment]:
    """The healthy environment with each recorded torch build."""
    folder = tmp_path_factory.mktemp("builds")
    environments = {}
    for name, build in BUILDS.items():
        environments[name] = healthy.copy(folder / name)
        environments[name].install([torch(*build)], folder / "wheels")
    return environments


EXPECTED = (
    # card, driver, its CUDA, build, torch-arch, cuda-driver
    ("RTX 5090", "570.86.10", "12.8", "2.6.0+cu126", "fail", "ok"),
    ("RTX 5090", "570.86.10", "12.8", "2.7.1+cu128", "ok", "ok"),
    ("RTX 5090", "570.86.10", "12.8", "2.9.1+cu128", "ok", "ok"),
    ("RTX 5090", "570.86.10", "12.8", "2.13.0+cu130", "ok", "fail"),
    ("RTX 5090", "580.65.06", "13.0", "2.13.0+cu130", "ok", "ok"),
    ("RTX 5090", "565.57.01", "12.7", "2.7.1+cu128", "ok", "fail"),
    ("RTX 4090", "535.161.08", "12.2", "2.6.0+cu126", "ok", "ok"),
    ("RTX 4090", "550.54.15", "12.4", "2.9.1+cu128", "ok", "ok"),
    ("RTX 4090", "550.54.15", "12.4", "2.13.0+cu130", "ok", "fail"),
    ("RTX 4090", "580.65.06", "13.0", "2.13.0+cu130", "ok", "ok"),
    ("RTX 4090", "470.82.01", "11.4", "2.7.1+cu128", "ok", "fail"),
    ("H100", "535.161.08", "12.2", "2.7.1+cu128", "ok", "ok"),
    ("H100", "580.65.06", "13.0", "2.13.0+cu130", "ok", "ok"),
    ("H100", "525.147.05", "12.0", "2.13.0+cu130", "ok", "fail"),
    ("GTX 1080", "570.86.10", "12.8", "2.6.0+cu126", "ok", "ok"),
    ("GTX 1080", "570.86.10", "12.8", "2.7.1+cu128", "fail", "ok"),
    ("GTX 1080", "570.86.10", "12.8", "2.9.1+cu128", "fail", "ok"),
    ("GTX 1080", "580.65.06", "13.0", "2.13.0+cu130", "fail", "ok"),
)


@pytest.mark.parametrize("case", EXPECTED, ids=lambda v: f"{v[0]}-{v[1]}-{v[3]}")
def test_a_gpu_is_checked_against_its_driver_and_torch_build(
    case: tuple[str, ...], builds: dict[str, Environment], tmp_path: Path
) -> None:
    gpu, driver, cuda, build, arch, supported = case
    (tmp_path / "home").mkdir()
    nvidia_smi(tmp_path / "bin", gpu_line(gpu, driver), cuda)
    report: dict[str, Any] = Patient(builds[build], tmp_path).examine()
    found = {finding["id"]: finding for finding in report["findings"]}
    assert found["torch-arch"]["status"] == arch, found["torch-arch"]
    assert found["cuda-driver"]["status"] == supported, found["cuda-driver"]
    assert gpu in found["torch-arch"]["summary"]
    if supported == "fail":
        assert driver in found["cuda-driver"]["summary"]
