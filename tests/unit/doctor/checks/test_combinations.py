"""Releases that fail together change the finding of a check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.checks.combinations import Combination, add_combinations, combinations
from parakeet_cli.doctor.explain.catalogue import catalogue, posted
from parakeet_cli.doctor.facts import (
    Distribution,
    Facts,
    Gpus,
    Interpreter,
    ModelCache,
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
UNIFIED = "nvidia/parakeet-unified-en-0.6b"
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
    by_number = {failure.number: failure for failure in (*catalogue(), *posted())}
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


RTX_5090 = Gpu("NVIDIA GeForce RTX 5090", "12.0", "580.65.06", "32607 MiB")
RTX_3090 = Gpu("NVIDIA GeForce RTX 3090", "8.6", "580.65.06", "24576 MiB")


def on_gpus(*gpus: Gpu) -> Gpus:
    return Gpus("/usr/bin/nvidia-smi", gpus, "13.0")


def test_the_extra_cu12_of_nemo_3_is_named_where_a_gpu_has_no_kernels_in_it() -> None:
    torch = build("2.12.0+cu126", "12.6")
    with_both = facts(torch, on_gpus(RTX_3090, RTX_5090), nemo_toolkit="3.0.0")
    finding = check_finding("torch-arch", with_both, CheckStatus.FAIL)
    assert finding.summary == "so far"
    assert "extra cu12 installs: it has no kernels" in finding.detail
    assert "12.0" in finding.detail
    with_old = facts(torch, on_gpus(RTX_3090), nemo_toolkit="3.0.0")
    assert check_finding("torch-arch", with_old).detail == "before"
    other = facts(build("2.12.0+cu132", "13.2"), on_gpus(RTX_5090), nemo_toolkit="3.0.0")
    assert check_finding("torch-arch", other).detail == "before"


@pytest.mark.parametrize(("nemo", "warns"), [("2.4.0", True), ("2.7.3", True), ("3.0.0", False)])
def test_a_cached_parakeet_unified_is_a_warning_on_a_nemo_below_3(nemo: str, warns: bool) -> None:
    cache = ModelCache("/hub", None, ("nvidia/parakeet-tdt-0.6b-v3", UNIFIED))
    finding = check_finding("model-cache", replace(facts(nemo_toolkit=nemo), model_cache=cache))
    assert (finding.status is CheckStatus.WARN) == warns
    assert (UNIFIED in finding.summary) == warns
    assert finding.remedy.endswith("parakeet doctor --fix --stack 3.0") == warns


def test_another_cached_model_is_no_warning() -> None:
    cache = ModelCache("/hub", None, ("nvidia/parakeet-tdt-0.6b-v3",))
    finding = check_finding("model-cache", replace(facts(nemo_toolkit="2.4.0"), model_cache=cache))
    assert finding.status is CheckStatus.OK
