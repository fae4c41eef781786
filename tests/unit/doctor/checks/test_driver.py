from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import Gpus
from parakeet_cli.doctor.findings import CheckStatus
from tests.doctor_facts import CU130, built, gpu
from tests.unit.doctor.checks.cases import HEALTHY, check_one, with_gpu


@pytest.mark.parametrize(
    ("gpus", "torch_cuda", "words"),
    [
        (gpu("8.9", "GeForce RTX 4090", "550.54.15", "12.4"), "13.0", "580"),
        (gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"), "12.8", "570"),
    ],
)
def test_a_driver_that_is_too_old_is_reported_with_the_series_it_needs(
    gpus: Gpus, torch_cuda: str, words: str
) -> None:
    build = built("2.13.0", torch_cuda, CU130)
    finding = check_one("cuda-driver", with_gpu(gpus, build))
    assert finding.status is CheckStatus.FAIL
    assert words in finding.summary


def test_minor_versions_of_one_cuda_are_compatible() -> None:
    gpus = gpu("8.9", "GeForce RTX 4090", "535.161.08", "12.2")
    assert check_one("cuda-driver", with_gpu(gpus)).status is CheckStatus.OK


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", "kernel module"),
        ("No devices were found", "open kernel modules"),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
            "not loaded",
        ),
        ("Unable to determine the device handle", "nvidia-smi fails"),
    ],
)
def test_the_message_of_nvidia_smi_names_the_cause(message: str, cause: str) -> None:
    gpus = Gpus(nvidia_smi="/usr/bin/nvidia-smi", problem=message)
    facts = replace(HEALTHY, gpus=gpus)
    assert cause in check_one("cuda-driver", facts).summary
    assert check_one("torch-arch", facts).status is CheckStatus.SKIP


def test_a_torch_for_a_newer_cuda_is_replaced_where_a_build_suits_the_driver() -> None:
    gpus = gpu("8.9", "GeForce RTX 4090", "550.54.15", "12.4")
    finding = check_one("cuda-driver", with_gpu(gpus, built("2.13.0+cu130", "13.0", CU130)))
    assert finding.remedy.splitlines()[0] == "parakeet doctor --fix"
    assert "580 or newer" in finding.remedy
    assert "cu128" in finding.summary
    assert finding.stages == (2,)


def test_a_driver_that_no_longer_supports_the_gpu_is_too_new() -> None:
    gpus = gpu("6.1", "GeForce GTX 1080", "590.44.01", "13.1")
    finding = check_one("cuda-driver", with_gpu(gpus))
    assert finding.status is CheckStatus.FAIL
    assert "580 is the last" in finding.summary


def test_thor_and_gb10_need_the_driver_of_cuda_13() -> None:
    for capability, name in (("11.0", "Thor"), ("12.1", "GB10")):
        gpus = gpu(capability, name, "570.86.10", "12.8")
        finding = check_one("cuda-driver", with_gpu(gpus))
        assert "580" in finding.remedy
