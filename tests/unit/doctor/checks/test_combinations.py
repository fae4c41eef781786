"""Releases that fail together change the finding of a check."""

from __future__ import annotations

import pytest

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.checks.combinations import Combination, add_combinations, combinations
from parakeet_cli.doctor.explain.catalogue import catalogue
from parakeet_cli.doctor.facts import (
    Distribution,
    Facts,
    Gpus,
    Interpreter,
    TorchBuild,
    Unavailable,
)
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.system.hardware import Gpu

PYTHON = Interpreter(
    executable="/env/bin/python",
    version="3.11.9",
    prefix="/env",
    base_prefix="/usr",
    kind="venv",
    paths=("/env/site",),
    site_packages="/env/site",
)
NO_GPU = Gpus()
DRIVER_124 = Gpus(
    "/usr/bin/nvidia-smi", (Gpu("RTX 4090", "8.9", "550.54.15", "24564 MiB"),), "12.4"
)


def facts(
    torch: TorchBuild | Unavailable | None = None,
    gpus: Gpus | Unavailable = NO_GPU,
    **versions: str,
) -> Facts:
    names = {name.replace("_", "-"): version for name, version in versions.items()}
    dists = tuple(Distribution(n, v, "/env/site", f"/env/site/{n}") for n, v in names.items())
    return Facts(interpreter=PYTHON, distributions=dists, torch=torch, gpus=gpus)


def build(version: str, cuda: str | None) -> TorchBuild:
    return TorchBuild(version, cuda, (), "/env/site/torch")


def check_finding(check: str, known: Facts, status: CheckStatus = CheckStatus.OK) -> Finding:
    return add_combinations(Finding(check, status, "so far", detail="before"), known)


@pytest.mark.parametrize("row", combinations(), ids=lambda row: f"{row.row}-{row.check}")
def test_each_row_belongs_to_the_catalogue_and_to_a_check(row: Combination) -> None:
    by_number = {failure.number: failure for failure in catalogue()}
    assert by_number[row.row].check == row.check
    assert row.check in CHECKS
    assert row.when or len(row.newer) == 2
    assert row.link in by_number[row.row].sources


def test_without_a_combination_the_finding_is_unchanged() -> None:
    known = facts(build("2.13.0+cpu", None), nemo_toolkit="2.4.0", huggingface_hub="0.36.2")
    for check in CHECKS:
        assert check_finding(check, known).summary == "so far"


def test_a_nightly_torch_is_a_warning_with_its_date() -> None:
    finding = check_finding("torch-installed", facts(build("2.12.0.dev20260407+cu128", "12.8")))
    assert finding.status is CheckStatus.WARN
    assert "20260407" in finding.summary
    assert finding.remedy.endswith("parakeet doctor --fix --torch-index cu128")


def test_an_old_nemo_on_a_new_hub_fails() -> None:
    finding = check_finding("nemo-version", facts(nemo_toolkit="1.23.0", huggingface_hub="0.24.0"))
    assert finding.status is CheckStatus.FAIL
    assert "ModelFilter" in finding.summary


def test_a_failure_keeps_its_summary_and_gets_the_evidence() -> None:
    known = facts(nemo_toolkit="2.6.1", numba_cuda="0.15.1")
    finding = check_finding("nemo-version", known, CheckStatus.FAIL)
    assert finding.summary == "so far"
    assert finding.detail.startswith("before\n")
    assert "redirect_numba_module" in finding.detail


def test_bindings_of_another_cuda_than_torchs_are_a_warning() -> None:
    cu128 = build("2.9.1+cu128", "12.8")
    finding = check_finding(
        "nemo-requirements", facts(cu128, nemo_toolkit="3.0.0", cuda_bindings="13.5.0")
    )
    assert finding.status is CheckStatus.WARN
    assert "CUDA 12.8" in finding.summary
    matching = facts(cu128, nemo_toolkit="3.0.0", cuda_bindings="12.9.7")
    assert check_finding("nemo-requirements", matching).status is CheckStatus.OK


def test_the_bindings_do_not_matter_with_a_cpu_build() -> None:
    known = facts(build("2.13.0+cpu", None), nemo_toolkit="3.0.0", cuda_bindings="13.5.0")
    assert check_finding("nemo-requirements", known).status is CheckStatus.OK


def test_a_compiler_newer_than_the_driver_is_a_warning_and_an_older_one_is_not() -> None:
    newer = facts(gpus=DRIVER_124, nvidia_cuda_nvrtc_cu12="12.8.93")
    assert "222" in check_finding("cuda-toolkit", newer).summary
    older = facts(gpus=DRIVER_124, nvidia_cuda_nvrtc_cu12="12.4.127")
    assert check_finding("cuda-toolkit", older).status is CheckStatus.OK


def test_missing_facts_make_no_combination() -> None:
    unread = facts(Unavailable("no"), Unavailable("no"), nvidia_cuda_nvrtc_cu12="12.8.93")
    for check in CHECKS:
        assert check_finding(check, unread).status is CheckStatus.OK


def test_an_invalid_version_makes_no_combination() -> None:
    known = facts(gpus=DRIVER_124, nvidia_cuda_nvrtc_cu12="unknown", cuda_bindings="?")
    assert check_finding("cuda-toolkit", known).status is CheckStatus.OK
