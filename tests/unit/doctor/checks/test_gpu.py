from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import Binaries, Gpus, Kernels
from parakeet_cli.doctor.findings import CheckStatus
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
