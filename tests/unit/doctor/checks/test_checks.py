"""Every check, with facts that pass, that fail and that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from parakeet_cli.doctor.checks import CHECKS, run_checks
from parakeet_cli.doctor.facts import (
    Binaries,
    CondaRecord,
    Disk,
    Facts,
    Gpus,
    Interpreter,
    Kernels,
    Leftover,
    ModelCache,
    NumpyAbi,
    ProbeResult,
    Probes,
    PthFile,
    Sample,
    SampleResult,
    SharedLibraries,
    Unavailable,
)
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import (
    CU124,
    CU126,
    CU128,
    CU130,
    RTX_5090,
    SITE,
    built,
    dist,
    gpu,
    having,
    healthy,
    lacking,
)

STACK = load_stack("2.4")
HEALTHY = healthy()
NOT_READ = Unavailable("it can't be read")


def check_one(check: str, facts: Facts, stack: str = "2.4") -> Finding:
    (finding,) = run_checks(facts, load_stack(stack), [check])
    assert finding.id == check
    return finding


def pinned(name: str, good: str, bad: str) -> dict[str, Facts]:
    return {
        "ok": having(HEALTHY, dist(name, good)),
        "fail": having(HEALTHY, dist(name, bad)),
        "unknown": having(HEALTHY, dist(name, None)),
    }


def interpreter(**changes: Any) -> Facts:
    changed: Interpreter = replace(HEALTHY.interpreter, **changes)
    return replace(HEALTHY, interpreter=changed)


def with_gpu(gpus: Gpus, torch: object = None) -> Facts:
    build = built("2.8.0+cu128", "12.8", CU128) if torch is None else torch
    return replace(HEALTHY, gpus=gpus, torch=cast(Any, build))


DEEP_OK = Probes((ProbeResult("numpy", True, seconds=0.1),), (ProbeResult("cuda:0", True),))
DEEP_BAD = Probes(
    (ProbeResult("torch", False, "was ended by SIGSEGV (a segmentation fault)"),),
    (ProbeResult("matrix product on cuda:0", False, "RuntimeError: no kernel image"),),
)

CASES: dict[str, dict[str, Facts]] = {
    "python-version": {
        "ok": HEALTHY,
        "fail": interpreter(version="3.14.0"),
        "unknown": interpreter(version=""),
    },
    "numpy-pin": pinned("numpy", "1.26.4", "2.4.6"),
    "scipy-pin": pinned("scipy", "1.17.1", "1.10.0"),
    "torch-installed": {
        **pinned("torch", "2.13.0", "2.6.0"),
        "unknown": replace(HEALTHY, torch=NOT_READ),
    },
    "torch-arch": {
        "ok": with_gpu(RTX_5090),
        "fail": with_gpu(RTX_5090, built("2.6.0+cu126", "12.6", CU126)),
        "unknown": with_gpu(RTX_5090, built("2.8.0+cu128", "12.8")),
        "skip": HEALTHY,
    },
    "torch-family": {
        "ok": having(HEALTHY, dist("torchaudio", "2.13.0+cpu", "torch==2.13.0")),
        "fail": having(HEALTHY, dist("torchvision", "0.21.0", "torch==2.6.0")),
        "unknown": replace(HEALTHY, torch=NOT_READ),
        "skip": HEALTHY,
    },
    "cuda-driver": {
        "ok": with_gpu(RTX_5090),
        "fail": with_gpu(gpu("8.9", "GeForce RTX 4090", "470.82.01", "11.4")),
        "unknown": with_gpu(gpu("8.9", "GeForce RTX 4090", "N/A", "")),
        "skip": HEALTHY,
    },
    "cuda-toolkit": {
        "ok": replace(with_gpu(RTX_5090), conda=(CondaRecord("cuda-toolkit", "12.8.1"),)),
        "warn": replace(with_gpu(RTX_5090), conda=(CondaRecord("cuda-toolkit", "11.8.0"),)),
        "unknown": replace(with_gpu(RTX_5090), conda=NOT_READ),
        "skip": HEALTHY,
    },
    "fsspec-pin": pinned("fsspec", "2024.12.0", "2026.10.0"),
    "numba-pin": pinned("numba", "0.68.1", "0.59.0"),
    "librosa-pin": pinned("librosa", "0.11.0", "0.9.2"),
    "lightning-pin": pinned("pytorch-lightning", "2.2.5", "2.6.6"),
    "lightning-pair": pinned("lightning", "2.2.5", "2.4.0")
    | {"skip": lacking(HEALTHY, "lightning")},
    "torchmetrics-pin": pinned("torchmetrics", "1.4.3", "1.9.0"),
    "nemo-version": pinned("nemo-toolkit", "2.4.0", "2.7.2"),
    "nemo-requirements": {
        "ok": HEALTHY,
        "fail": lacking(HEALTHY, "webdataset"),
        "unknown": having(
            HEALTHY, replace(dist("nemo-toolkit", "2.4.0"), problem="its METADATA is missing")
        ),
    },
    "setuptools-pkg-resources": {
        **pinned("setuptools", "80.10.2", "84.2.1"),
    },
    "pyarrow-numpy": pinned("pyarrow", "25.0.1", "26.0.1") | {"skip": lacking(HEALTHY, "pyarrow")},
    "numpy-abi": {
        "ok": replace(HEALTHY, binaries=Binaries((NumpyAbi("/a.so", "a", "1.23"),), total=1)),
        "fail": replace(HEALTHY, binaries=Binaries((NumpyAbi("/a.so", "a", "2.0"),), total=1)),
        "unknown": replace(HEALTHY, binaries=NOT_READ),
        "skip": lacking(HEALTHY, "numpy"),
    },
    "duplicate-dists": {
        "ok": HEALTHY,
        "fail": replace(HEALTHY, distributions=(*HEALTHY.distributions, dist("numpy", "2.4.6"))),
        "unknown": replace(HEALTHY, conda=NOT_READ),
    },
    "broken-dists": {
        "ok": HEALTHY,
        "fail": having(HEALTHY, replace(dist("einops", "1.0"), missing=("einops/einops.py",))),
        "warn": interpreter(pth_files=(PthFile("/a.pth", dangling=("/gone",)),)),
        "unknown": replace(HEALTHY, unlisted=("/env: Permission denied",)),
    },
    "user-site": {
        "ok": HEALTHY,
        "fail": replace(
            interpreter(user_site="/home/u/site", paths=("/home/u/site", SITE)),
            distributions=(dist("numpy", "2.4.6", location="/home/u/site"), *HEALTHY.distributions),
        ),
        "warn": replace(
            interpreter(user_site="/home/u/site"),
            distributions=(
                dist("scipy", "1.17.1", location="/home/u/site"),
                *lacking(HEALTHY, "scipy").distributions,
            ),
        ),
        "unknown": replace(
            interpreter(user_site="/home/u/site"), unlisted=("/env: Permission denied",)
        ),
    },
    "environment-variables": {
        "ok": HEALTHY,
        "fail": replace(HEALTHY, variables={"PYTHONHOME": "/opt/python"}),
        "warn": replace(HEALTHY, variables={"LD_PRELOAD": "/lib/jemalloc.so"}),
    },
    "system-libraries": {
        "ok": HEALTHY,
        "fail": replace(
            HEALTHY,
            libraries=SharedLibraries(
                found={"libportaudio.so.2": "/l", "libstdc++.so.6": "/s"},
                libstdcxx_system="3.4.25",
                libstdcxx_needed="3.4.30",
            ),
        ),
        "warn": replace(HEALTHY, libraries=SharedLibraries(found={"libportaudio.so.2": None})),
        "unknown": replace(HEALTHY, libraries=NOT_READ),
    },
    "disk-space": {
        "ok": HEALTHY,
        "fail": replace(HEALTHY, disks=(Disk("the temporary folder", "/tmp", 2**20),)),
        "warn": replace(HEALTHY, disks=(Disk("pip's cache", "/c", 2**30),)),
        "unknown": replace(HEALTHY, disks=NOT_READ),
    },
    "model-cache": {
        "ok": HEALTHY,
        "warn": replace(HEALTHY, model_cache=ModelCache("/hub", offline="HF_HUB_OFFLINE")),
        "unknown": replace(HEALTHY, model_cache=NOT_READ),
    },
    "advisories": {
        "ok": healthy("3.0"),
        "warn": HEALTHY,
        "unknown": having(HEALTHY, dist("nemo-toolkit", None)),
    },
    "import-probe": {
        "ok": replace(HEALTHY, probes=DEEP_OK),
        "fail": replace(HEALTHY, probes=DEEP_BAD),
        "unknown": replace(HEALTHY, probes=Probes()),
        "skip": HEALTHY,
    },
    "gpu-probe": {
        "ok": replace(with_gpu(RTX_5090), probes=DEEP_OK),
        "fail": replace(with_gpu(RTX_5090), probes=DEEP_BAD),
        "unknown": replace(with_gpu(RTX_5090), probes=Probes()),
        "skip": HEALTHY,
    },
}


def test_every_check_has_cases() -> None:
    assert list(CASES) == list(CHECKS)
    for check, cases in CASES.items():
        assert cases.keys() & {"fail", "warn"}, check
        assert "ok" in cases, check


@pytest.mark.parametrize(
    ("check", "status"),
    [(check, status) for check, cases in CASES.items() for status in cases],
)
def test_a_check_has_the_status_of_its_case(check: str, status: str) -> None:
    finding = check_one(check, CASES[check][status])
    assert finding.status == status, finding
    assert finding.summary
    if status in ("fail", "warn"):
        assert finding.why
        assert finding.remedy


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_crashes_is_unknown(check: str) -> None:
    class Explodes:
        mock = None

        def __getattr__(self, name: str) -> object:
            raise RuntimeError("boom")

    finding = check_one(check, cast(Any, Explodes()))
    assert finding.status is CheckStatus.UNKNOWN
    assert "boom" in finding.summary


@pytest.mark.parametrize("stack", ["2.4", "3.0"])
def test_a_healthy_stack_has_no_failing_check(stack: str) -> None:
    findings = run_checks(healthy(stack), load_stack(stack))
    assert [f.id for f in findings] == list(CHECKS)
    assert [f for f in findings if not f.healthy] == []


def test_findings_name_the_stage_that_repairs_them() -> None:
    assert check_one("numpy-pin", CASES["numpy-pin"]["fail"]).stages == (1,)
    assert check_one("torch-arch", CASES["torch-arch"]["fail"]).stages == (2,)
    assert check_one("nemo-requirements", CASES["nemo-requirements"]["fail"]).stages == (6,)
    assert check_one("cuda-driver", CASES["cuda-driver"]["fail"]).stages == ()


def test_the_mock_engine_skips_the_checks_of_ml_packages() -> None:
    broken = replace(CASES["numpy-pin"]["fail"], mock="use_mock_stt")
    findings = run_checks(broken, STACK)
    assert {f.status for f in findings if CHECKS[f.id].ml} == {CheckStatus.SKIP}
    assert all(f.healthy for f in findings)
    assert "use_mock_stt" in next(f for f in findings if f.id == "numpy-pin").summary


# Conflicts


def test_a_conflict_shows_every_requirement_and_which_contradict() -> None:
    facts = having(
        HEALTHY,
        dist("fsspec", "2026.10.0"),
        dist("datasets", "9.0", "fsspec>=2025.1"),
        dist("s3fs", "2026.10", "fsspec==2026.10.0"),
    )
    finding = check_one("fsspec-pin", facts)
    assert finding.status is CheckStatus.FAIL
    assert "nemo-toolkit 2.4.0 requires fsspec==2024.12.0: NOT met" in finding.detail
    assert "datasets 9.0 requires fsspec>=2025.1: met" in finding.detail
    assert "s3fs 2026.10 requires fsspec==2026.10.0: met" in finding.detail
    assert "no version of fsspec meets all requirements" in finding.detail


def test_a_version_within_its_pin_can_violate_another_requirement() -> None:
    needed = having(HEALTHY, dist("datasets", "9.0", "fsspec>=2025.1"))
    stranger = having(HEALTHY, dist("s3fs", "2026.10", "fsspec>=2026"))
    assert check_one("fsspec-pin", needed).status is CheckStatus.FAIL
    assert check_one("fsspec-pin", stranger).status is CheckStatus.WARN
    assert "s3fs 2026.10 (fsspec>=2026)" in check_one("fsspec-pin", stranger).summary


def test_missing_and_violated_requirements_of_nemo_are_listed_separately() -> None:
    facts = having(lacking(HEALTHY, "lightning", "wrapt"), dist("omegaconf", "2.4.0"))
    finding = check_one("nemo-requirements", facts)
    assert finding.summary == "2 packages missing: lightning and wrapt; 1 bound violated: omegaconf"
    assert "missing: lightning>2.2.1,<2.3" in finding.detail
    assert "outside its bounds: omegaconf 2.4.0" in finding.detail


def test_an_unneeded_requirement_of_nemo_may_be_missing_but_not_violated() -> None:
    assert "optuna" in check_one("nemo-requirements", HEALTHY).detail
    wrong = having(HEALTHY, dist("sox", "1.6.0"))
    finding = check_one("nemo-requirements", wrong)
    assert finding.status is CheckStatus.FAIL
    assert "sox" in finding.summary


def test_requirements_of_needed_packages_are_checked() -> None:
    facts = having(HEALTHY, dist("lhotse", "1.33.0", "intervaltree>=3.1"))
    finding = check_one("nemo-requirements", facts)
    assert "missing: intervaltree>=3.1 (lhotse 1.33.0)" in finding.detail


def test_torch_files_and_metadata_of_two_releases_are_a_failure() -> None:
    facts = replace(HEALTHY, torch=built("2.9.1+cpu", None))
    finding = check_one("torch-installed", facts)
    assert finding.status is CheckStatus.FAIL
    assert "2.9.1+cpu" in finding.summary
    assert "2.13.0" in finding.summary


def test_setuptools_without_pkg_resources_is_a_failure_whatever_its_version() -> None:
    finding = check_one("setuptools-pkg-resources", replace(HEALTHY, pkg_resources=False))
    assert finding.status is CheckStatus.FAIL
    assert "pkg_resources is missing" in finding.summary


# GPU verdicts: capability x driver x build


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


# The other stack


def test_each_stack_has_its_own_bounds() -> None:
    numpy2 = healthy("3.0")
    assert check_one("numpy-pin", numpy2, "3.0").status is CheckStatus.OK
    assert check_one("numpy-pin", numpy2, "2.4").status is CheckStatus.FAIL
    assert (
        check_one("pyarrow-numpy", having(numpy2, dist("pyarrow", "26.0.1")), "3.0").status == "ok"
    )
    assert check_one("lightning-pair", numpy2, "3.0").status is CheckStatus.SKIP


def test_a_leftover_of_an_interrupted_pip_is_reported_with_the_command_that_removes_it() -> None:
    finding = check_one("duplicate-dists", replace(HEALTHY, leftovers=(Leftover(f"{SITE}/~umpy"),)))
    assert finding.status is CheckStatus.FAIL
    assert "~umpy" in finding.summary
    assert f"rm -r '{SITE}/~umpy'" in finding.remedy


def test_different_records_of_conda_and_pip_are_found() -> None:
    facts = replace(HEALTHY, conda=(CondaRecord("numpy", "2.1.0"), CondaRecord("scipy", "1.17.1")))
    finding = check_one("duplicate-dists", facts)
    assert "conda's record says 2.1.0" in finding.detail
    assert "scipy" not in finding.summary


def test_a_file_built_for_numpy_1_is_reported_with_its_package() -> None:
    abi = NumpyAbi(f"{SITE}/editdistance/_d.so", "editdistance", None)
    facts = having(replace(HEALTHY, binaries=Binaries((abi,), total=1)), dist("numpy", "2.4.6"))
    finding = check_one("numpy-abi", facts)
    assert finding.status is CheckStatus.FAIL
    assert "editdistance" in finding.summary
    assert abi.path in finding.detail
    assert (
        check_one("numpy-abi", replace(facts, distributions=HEALTHY.distributions)).status == "ok"
    )


SAMPLE = Sample("/models/v3.nemo", "/clip.wav", "he was not an ill disposed young man", "/w")


def transcribed(result: ProbeResult, *, certain: bool = True) -> Finding:
    sample = replace(SAMPLE, certain=certain)
    probes = replace(DEEP_OK, sample=SampleResult(sample, result))
    return check_one("import-probe", replace(HEALTHY, probes=probes))


def result_with(text: str) -> ProbeResult:
    return ProbeResult("transcribing a sample", True, text=text)


def test_a_nearly_right_transcript_passes_and_both_texts_are_shown() -> None:
    finding = transcribed(result_with("He was not an ill-disposed young men."))
    assert finding.status is CheckStatus.OK
    assert "a sample is transcribed" in finding.summary
    assert SAMPLE.text in finding.detail
    assert "He was not an ill-disposed young men." in finding.detail


@pytest.mark.parametrize("text", ["", "he he he he he he he he", "six people open the window"])
def test_a_wrong_transcript_fails_if_the_model_must_know_the_words(text: str) -> None:
    finding = transcribed(result_with(text))
    assert finding.status is CheckStatus.FAIL
    assert f"'{text}' for '{SAMPLE.text}'" in finding.summary
    assert "--reinstall" in finding.remedy
    unsure = transcribed(result_with(text), certain=False)
    assert unsure.status is CheckStatus.WARN
    assert "--sample" in unsure.remedy


def test_a_crash_while_transcribing_fails_and_no_stage_repairs_it() -> None:
    finding = transcribed(ProbeResult("transcribing a sample", False, "was ended by SIGSEGV"))
    assert (finding.status, finding.stages) == (CheckStatus.FAIL, ())
    assert "SIGSEGV" in finding.summary
    assert "parakeet models scan /models/v3.nemo" in finding.remedy


def test_too_little_memory_for_a_model_is_only_a_warning() -> None:
    for cause in ("MemoryError: ", "was ended by SIGKILL", "not enough memory"):
        finding = transcribed(ProbeResult("transcribing a sample", False, cause))
        assert finding.status is CheckStatus.WARN
        assert "memory" in finding.why


def test_without_a_model_the_imports_pass_with_a_note() -> None:
    probes = replace(DEEP_OK, sample=Unavailable("The model v3 is not on this machine."))
    finding = check_one("import-probe", replace(HEALTHY, probes=probes))
    assert finding.status is CheckStatus.OK
    assert "No sample was transcribed: The model v3 is not on this machine." in finding.detail
