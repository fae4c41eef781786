from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import Binaries, Facts, Gpus, Kernels
from parakeet_cli.doctor.findings import CheckStatus
from parakeet_cli.doctor.stack.torch_builds import ALL_HIDDEN
from tests.doctor_facts import CU124, CU126, CU128, CU130, RTX_5090, SITE, built, gpu
from tests.unit.doctor.checks.cases import check_one, with_gpu

GTX_1080 = gpu("6.1", "GeForce GTX 1080")
RTX_4090 = gpu("8.9", "GeForce RTX 4090")
H100 = gpu("9.0", "H100 80GB HBM3")


@pytest.mark.parametrize(
    ("gpus", "torch", "status"),
    [
        (RTX_5090, built("2.6.0+cu124", "12.4", CU124), "fail"),
        (RTX_5090, built("2.8.0+cu128", "12.8", CU128), "ok"),
        (RTX_5090, built("2.13.0+cu130", "13.0", CU130), "ok"),
        (RTX_5090, built("2.9.0+cu126", "12.6", (*CU126, "compute_90")), "ok"),
        (RTX_4090, built("2.6.0+cu126", "12.6", CU126), "ok"),
        (H100, built("2.6.0+cu126", "12.6", CU126), "ok"),
        (H100, built("1.0+cu100", "10.0", ("sm_90a", "sm_80")), "ok"),
        (GTX_1080, built("2.6.0+cu126", "12.6", CU126), "ok"),
        (GTX_1080, built("2.8.0+cu128", "12.8", CU128), "fail"),
        (gpu("12.1", "GB10"), built("2.8.0+cu128", "12.8", CU128), "ok"),
        (gpu("12.1", "GB10"), built("2.8.0+cu128", "12.8", ("sm_120a",)), "fail"),
        (gpu("12.1", "GB10"), built("2.8.0+cu128", "12.8", ("sm_120f",)), "ok"),
        (RTX_5090, built("2.13.0+cpu", None), "fail"),
    ],
)
def test_a_build_runs_on_the_gpus_of_its_architectures(
    gpus: Gpus, torch: object, status: str
) -> None:
    assert check_one("torch-arch", with_gpu(gpus, torch)).status == status


BUILT_126 = built("2.6.0+cu126", "12.6", CU126)
BUILT_128 = built("2.11.0+cu128", "12.8", CU130)
MIXED = replace(RTX_5090, devices=RTX_5090.devices + GTX_1080.devices, indexes=(0, 1))
HIDE = "export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0"


def test_an_old_gpu_is_given_the_build_that_still_has_its_kernels() -> None:
    finding = check_one("torch-arch", with_gpu(GTX_1080, BUILT_128))
    assert finding.status is CheckStatus.FAIL
    assert finding.remedy.startswith("parakeet doctor --fix")
    assert "/whl/cu126" in finding.remedy
    assert "/whl/cu128" not in finding.remedy
    assert finding.stages == (2,)


def test_beside_a_new_gpu_the_old_one_is_to_be_hidden_and_that_is_healthy() -> None:
    finding = check_one("torch-arch", with_gpu(MIXED, BUILT_128))
    assert finding.status is CheckStatus.WARN
    assert "hide GTX 1080" in finding.summary
    assert (finding.remedy, finding.stages) == (HIDE, ())
    hidden = replace(RTX_5090, hidden=GTX_1080.devices, indexes=(0,))
    assert check_one("torch-arch", with_gpu(hidden, BUILT_128)).status is CheckStatus.OK


def test_a_build_that_serves_neither_of_two_gpus_is_replaced_and_one_is_hidden() -> None:
    finding = check_one("torch-arch", with_gpu(MIXED, BUILT_126))
    assert finding.status is CheckStatus.FAIL
    assert finding.remedy.splitlines()[0] == "parakeet doctor --fix"
    assert finding.remedy.splitlines()[-1] == HIDE
    assert finding.stages == (2,)


def test_where_every_gpu_is_hidden_nothing_is_judged() -> None:
    hidden = replace(RTX_5090, devices=(), hidden=RTX_5090.devices)
    for check in ("torch-arch", "cuda-driver"):
        finding = check_one(check, with_gpu(hidden, BUILT_126))
        assert (finding.status, finding.summary) == (CheckStatus.SKIP, ALL_HIDDEN)


def test_a_gpu_without_any_build_is_hidden_or_left_to_the_cpu_build() -> None:
    k80 = gpu("3.7", "Tesla K80", "470.256.02", "11.4")
    finding = check_one("torch-arch", with_gpu(k80, built("2.13.0+cpu", None)))
    assert finding.status is CheckStatus.OK
    assert "No published build" in finding.summary
    finding = check_one("torch-arch", with_gpu(k80, BUILT_128))
    assert finding.remedy == "export CUDA_VISIBLE_DEVICES=-1"


def no_card(driver: str, torch: object) -> Facts:
    return with_gpu(gpu("12.0", "GeForce RTX 5090", driver, "12.4"), torch)


@pytest.mark.parametrize("torch", [BUILT_126, built("2.13.0+cpu", None)])
def test_where_no_build_suits_the_driver_the_driver_comes_before_a_repair(torch: object) -> None:
    facts = no_card("550.54.15", torch)
    arch = check_one("torch-arch", facts)
    assert arch.status is CheckStatus.FAIL
    assert (arch.remedy, arch.stages) == (
        "Install an NVIDIA driver of series 570 or newer, then restart.",
        (),
    )
    assert check_one("cuda-driver", facts).remedy == arch.remedy


def test_the_summary_names_gpu_build_and_the_error_to_expect() -> None:
    finding = check_one("torch-arch", with_gpu(RTX_5090, built("2.6.0+cu126", "12.6", CU126)))
    assert finding.summary == (
        "RTX 5090 is sm_120; torch 2.6.0+cu126 has sm_50 to sm_90; the first kernel will fail "
        "with 'no kernel image'"
    )


def test_the_kernels_of_other_packages_are_checked() -> None:
    own = Kernels("torch-scatter", f"{SITE}/torch_scatter/_scatter_cuda.so", ("sm_80",), ())
    special = Kernels("torch", f"{SITE}/torch/lib/libtorch_cuda_linalg.so", ("sm_90a",), ())
    facts = replace(with_gpu(RTX_5090), binaries=Binaries(kernels=(own, special)))
    finding = check_one("torch-arch", facts)
    assert finding.status is CheckStatus.WARN
    assert "torch-scatter" in finding.summary
    by_ptx = replace(own, ptx=("compute_80",))
    facts = replace(with_gpu(RTX_5090), binaries=Binaries(kernels=(by_ptx,)))
    assert check_one("torch-arch", facts).status is CheckStatus.OK
