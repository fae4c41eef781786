"""Every check: facts that pass, facts that fail, facts that are not known."""

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
    SharedLibraries,
    Transcribed,
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
WELL = healthy()
NOT_READ = Unavailable("it could not be read")


def look(check: str, facts: Facts, stack: str = "2.4") -> Finding:
    (finding,) = run_checks(facts, load_stack(stack), [check])
    assert finding.id == check
    return finding


def pinned(name: str, good: str, bad: str) -> dict[str, Facts]:
    return {
        "ok": having(WELL, dist(name, good)),
        "fail": having(WELL, dist(name, bad)),
        "unknown": having(WELL, dist(name, None)),
    }


def interpreter(**changes: Any) -> Facts:
    changed: Interpreter = replace(WELL.interpreter, **changes)
    return replace(WELL, interpreter=changed)


def with_gpu(gpus: Gpus, torch: object = None) -> Facts:
    build = built("2.8.0+cu128", "12.8", CU128) if torch is None else torch
    return replace(WELL, gpus=gpus, torch=cast(Any, build))


DEEP_OK = Probes((ProbeResult("numpy", True, seconds=0.1),), (ProbeResult("cuda:0", True),))
DEEP_BAD = Probes(
    (ProbeResult("torch", False, "ended by SIGSEGV: a segmentation fault"),),
    (ProbeResult("matrix product on cuda:0", False, "RuntimeError: no kernel image"),),
)

CASES: dict[str, dict[str, Facts]] = {
    "python-version": {
        "ok": WELL,
        "fail": interpreter(version="3.14.0"),
        "unknown": interpreter(version=""),
    },
    "numpy-pin": pinned("numpy", "1.26.4", "2.4.6"),
    "scipy-pin": pinned("scipy", "1.17.1", "1.10.0"),
    "torch-installed": {
        **pinned("torch", "2.13.0", "2.6.0"),
        "unknown": replace(WELL, torch=NOT_READ),
    },
    "torch-arch": {
        "ok": with_gpu(RTX_5090),
        "fail": with_gpu(RTX_5090, built("2.6.0+cu126", "12.6", CU126)),
        "unknown": with_gpu(RTX_5090, built("2.8.0+cu128", "12.8")),
        "skip": WELL,
    },
    "torch-family": {
        "ok": having(WELL, dist("torchaudio", "2.13.0+cpu", "torch==2.13.0")),
        "fail": having(WELL, dist("torchvision", "0.21.0", "torch==2.6.0")),
        "unknown": replace(WELL, torch=NOT_READ),
        "skip": WELL,
    },
    "cuda-driver": {
        "ok": with_gpu(RTX_5090),
        "fail": with_gpu(gpu("8.9", "GeForce RTX 4090", "470.82.01", "11.4")),
        "unknown": with_gpu(gpu("8.9", "GeForce RTX 4090", "N/A", "")),
        "skip": WELL,
    },
    "cuda-toolkit": {
        "ok": replace(with_gpu(RTX_5090), conda=(CondaRecord("cuda-toolkit", "12.8.1"),)),
        "warn": replace(with_gpu(RTX_5090), conda=(CondaRecord("cuda-toolkit", "11.8.0"),)),
        "unknown": replace(with_gpu(RTX_5090), conda=NOT_READ),
        "skip": WELL,
    },
    "fsspec-pin": pinned("fsspec", "2024.12.0", "2026.10.0"),
    "numba-pin": pinned("numba", "0.68.1", "0.59.0"),
    "librosa-pin": pinned("librosa", "0.11.0", "0.9.2"),
    "lightning-pin": pinned("pytorch-lightning", "2.2.5", "2.6.6"),
    "lightning-pair": pinned("lightning", "2.2.5", "2.4.0") | {"skip": lacking(WELL, "lightning")},
    "torchmetrics-pin": pinned("torchmetrics", "1.4.3", "1.9.0"),
    "nemo-version": pinned("nemo-toolkit", "2.4.0", "2.7.2"),
    "nemo-requirements": {
        "ok": WELL,
        "fail": lacking(WELL, "webdataset"),
        "unknown": having(
            WELL, replace(dist("nemo-toolkit", "2.4.0"), problem="its METADATA is missing")
        ),
    },
    "setuptools-pkg-resources": {
        **pinned("setuptools", "80.10.2", "84.2.1"),
    },
    "pyarrow-numpy": pinned("pyarrow", "25.0.1", "26.0.1") | {"skip": lacking(WELL, "pyarrow")},
    "numpy-abi": {
        "ok": replace(WELL, binaries=Binaries((NumpyAbi("/a.so", "a", "1.23"),), seen=1)),
        "fail": replace(WELL, binaries=Binaries((NumpyAbi("/a.so", "a", "2.0"),), seen=1)),
        "unknown": replace(WELL, binaries=NOT_READ),
        "skip": lacking(WELL, "numpy"),
    },
    "duplicate-dists": {
        "ok": WELL,
        "fail": replace(WELL, distributions=(*WELL.distributions, dist("numpy", "2.4.6"))),
        "unknown": replace(WELL, conda=NOT_READ),
    },
    "broken-dists": {
        "ok": WELL,
        "fail": having(WELL, replace(dist("einops", "1.0"), missing=("einops/einops.py",))),
        "warn": interpreter(pth_files=(PthFile("/a.pth", dangling=("/gone",)),)),
        "unknown": replace(WELL, unlisted=("/env: Permission denied",)),
    },
    "user-site": {
        "ok": WELL,
        "fail": replace(
            interpreter(user_site="/home/u/site", paths=("/home/u/site", SITE)),
            distributions=(dist("numpy", "2.4.6", location="/home/u/site"), *WELL.distributions),
        ),
        "warn": replace(
            interpreter(user_site="/home/u/site"),
            distributions=(
                dist("scipy", "1.17.1", location="/home/u/site"),
                *lacking(WELL, "scipy").distributions,
            ),
        ),
        "unknown": replace(
            interpreter(user_site="/home/u/site"), unlisted=("/env: Permission denied",)
        ),
    },
    "environment-variables": {
        "ok": WELL,
        "fail": replace(WELL, environment={"PYTHONHOME": "/opt/python"}),
        "warn": replace(WELL, environment={"LD_PRELOAD": "/lib/jemalloc.so"}),
    },
    "system-libraries": {
        "ok": WELL,
        "fail": replace(
            WELL,
            libraries=SharedLibraries(
                found={"libportaudio.so.2": "/l", "libstdc++.so.6": "/s"},
                libstdcxx_system="3.4.25",
                libstdcxx_needed="3.4.30",
            ),
        ),
        "warn": replace(WELL, libraries=SharedLibraries(found={"libportaudio.so.2": None})),
        "unknown": replace(WELL, libraries=NOT_READ),
    },
    "disk-space": {
        "ok": WELL,
        "fail": replace(WELL, disks=(Disk("the temporary folder", "/tmp", 2**20),)),
        "warn": replace(WELL, disks=(Disk("pip's cache", "/c", 2**30),)),
        "unknown": replace(WELL, disks=NOT_READ),
    },
    "model-cache": {
        "ok": WELL,
        "warn": replace(WELL, model_cache=ModelCache("/hub", offline="HF_HUB_OFFLINE")),
        "unknown": replace(WELL, model_cache=NOT_READ),
    },
    "advisories": {
        "ok": healthy("3.0"),
        "warn": WELL,
        "unknown": having(WELL, dist("nemo-toolkit", None)),
    },
    "import-probe": {
        "ok": replace(WELL, probes=DEEP_OK),
        "fail": replace(WELL, probes=DEEP_BAD),
        "unknown": replace(WELL, probes=Probes()),
        "skip": WELL,
    },
    "gpu-probe": {
        "ok": replace(with_gpu(RTX_5090), probes=DEEP_OK),
        "fail": replace(with_gpu(RTX_5090), probes=DEEP_BAD),
        "unknown": replace(with_gpu(RTX_5090), probes=Probes()),
        "skip": WELL,
    },
}

# The torch of the case is 2.8.0: its own metadata has to say so too.
TORCH_28 = {"torch-arch", "cuda-driver", "cuda-toolkit", "gpu-probe"}


def test_every_check_is_tried() -> None:
    assert list(CASES) == list(CHECKS)
    for check, cases in CASES.items():
        assert cases.keys() & {"fail", "warn"}, check
        assert "ok" in cases, check


@pytest.mark.parametrize(
    ("check", "status"),
    [(check, status) for check, cases in CASES.items() for status in cases],
)
def test_a_check_tells_what_passes_from_what_does_not(check: str, status: str) -> None:
    finding = look(check, CASES[check][status])
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

    finding = look(check, cast(Any, Explodes()))
    assert finding.status is CheckStatus.UNKNOWN
    assert "boom" in finding.summary


@pytest.mark.parametrize("stack", ["2.4", "3.0"])
def test_a_healthy_stack_has_no_failing_check(stack: str) -> None:
    findings = run_checks(healthy(stack), load_stack(stack))
    assert [f.id for f in findings] == list(CHECKS)
    assert [f for f in findings if not f.healthy] == []


def test_findings_that_a_step_can_mend_name_its_stage() -> None:
    assert look("numpy-pin", CASES["numpy-pin"]["fail"]).stages == (1,)
    assert look("torch-arch", CASES["torch-arch"]["fail"]).stages == (2,)
    assert look("nemo-requirements", CASES["nemo-requirements"]["fail"]).stages == (6,)
    assert look("cuda-driver", CASES["cuda-driver"]["fail"]).stages == ()


def test_mock_speech_recognition_skips_what_is_about_ml_packages() -> None:
    ill = replace(CASES["numpy-pin"]["fail"], mock="use_mock_stt")
    findings = run_checks(ill, STACK)
    assert {f.status for f in findings if CHECKS[f.id].ml} == {CheckStatus.SKIP}
    assert all(f.healthy for f in findings)
    assert "use_mock_stt" in next(f for f in findings if f.id == "numpy-pin").summary


# What a conflict shows


def test_a_conflict_shows_every_edge_and_the_empty_intersection() -> None:
    facts = having(
        WELL,
        dist("fsspec", "2026.10.0"),
        dist("datasets", "9.0", "fsspec>=2025.1"),
        dist("s3fs", "2026.10", "fsspec==2026.10.0"),
    )
    finding = look("fsspec-pin", facts)
    assert finding.status is CheckStatus.FAIL
    assert "nemo-toolkit 2.4.0 wants fsspec==2024.12.0: NOT met" in finding.detail
    assert "datasets 9.0 wants fsspec>=2025.1: met" in finding.detail
    assert "s3fs 2026.10 wants fsspec==2026.10.0: met" in finding.detail
    assert "no version of fsspec meets all of it" in finding.detail


def test_a_pin_that_is_kept_can_still_be_in_someones_way() -> None:
    needed = having(WELL, dist("datasets", "9.0", "fsspec>=2025.1"))
    stranger = having(WELL, dist("s3fs", "2026.10", "fsspec>=2026"))
    assert look("fsspec-pin", needed).status is CheckStatus.FAIL
    assert look("fsspec-pin", stranger).status is CheckStatus.WARN
    assert "s3fs 2026.10 (fsspec>=2026)" in look("fsspec-pin", stranger).summary


def test_missing_and_violated_requirements_of_nemo_are_told_apart() -> None:
    facts = having(lacking(WELL, "lightning", "wrapt"), dist("omegaconf", "2.4.0"))
    finding = look("nemo-requirements", facts)
    assert finding.summary == "2 packages missing: lightning and wrapt; 1 bound violated: omegaconf"
    assert "missing: lightning>2.2.1,<2.3" in finding.detail
    assert "outside its bounds: omegaconf 2.4.0" in finding.detail


def test_what_nemo_declares_and_does_not_need_may_be_missing_but_not_wrong() -> None:
    assert "optuna" in look("nemo-requirements", WELL).detail
    wrong = having(WELL, dist("sox", "1.6.0"))
    finding = look("nemo-requirements", wrong)
    assert finding.status is CheckStatus.FAIL
    assert "sox" in finding.summary


def test_what_a_needed_package_needs_in_turn_is_followed() -> None:
    facts = having(WELL, dist("lhotse", "1.33.0", "intervaltree>=3.1"))
    finding = look("nemo-requirements", facts)
    assert "missing: intervaltree>=3.1 (lhotse 1.33.0)" in finding.detail


def test_torch_of_two_releases_in_one_folder_is_seen() -> None:
    facts = replace(WELL, torch=built("2.9.1+cpu", None))
    finding = look("torch-installed", facts)
    assert finding.status is CheckStatus.FAIL
    assert "2.9.1+cpu" in finding.summary
    assert "2.13.0" in finding.summary


def test_setuptools_without_pkg_resources_is_a_failure_whatever_its_version() -> None:
    finding = look("setuptools-pkg-resources", replace(WELL, pkg_resources=False))
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
def test_a_build_runs_on_the_gpus_its_architectures_reach(
    gpus: Gpus, torch: object, status: str
) -> None:
    assert look("torch-arch", with_gpu(gpus, torch)).status == status


def test_the_verdict_names_gpu_build_and_what_will_happen() -> None:
    finding = look("torch-arch", with_gpu(RTX_5090, built("2.6.0+cu126", "12.6", CU126)))
    assert finding.summary == (
        "RTX 5090 is sm_120; torch 2.6.0+cu126 has sm_50 to sm_90; the first kernel will fail "
        "with 'no kernel image'"
    )


def test_another_packages_kernels_are_part_of_the_verdict() -> None:
    own = Kernels("torch-scatter", f"{SITE}/torch_scatter/_scatter_cuda.so", ("sm_80",), ())
    special = Kernels("torch", f"{SITE}/torch/lib/libtorch_cuda_linalg.so", ("sm_90a",), ())
    facts = replace(with_gpu(RTX_5090), binaries=Binaries(kernels=(own, special)))
    finding = look("torch-arch", facts)
    assert finding.status is CheckStatus.WARN
    assert "torch-scatter" in finding.summary
    by_ptx = replace(own, ptx=("compute_80",))
    facts = replace(with_gpu(RTX_5090), binaries=Binaries(kernels=(by_ptx,)))
    assert look("torch-arch", facts).status is CheckStatus.OK


@pytest.mark.parametrize(
    ("gpus", "torch_cuda", "words"),
    [
        (gpu("8.9", "GeForce RTX 4090", "550.54.15", "12.4"), "13.0", "580"),
        (gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"), "12.8", "570"),
    ],
)
def test_a_driver_too_old_is_told_with_the_series_that_serves(
    gpus: Gpus, torch_cuda: str, words: str
) -> None:
    build = built("2.13.0", torch_cuda, CU130)
    finding = look("cuda-driver", with_gpu(gpus, build))
    assert finding.status is CheckStatus.FAIL
    assert words in finding.summary


def test_minor_versions_of_one_cuda_go_together() -> None:
    gpus = gpu("8.9", "GeForce RTX 4090", "535.161.08", "12.2")
    assert look("cuda-driver", with_gpu(gpus)).status is CheckStatus.OK


@pytest.mark.parametrize(
    ("said", "cause"),
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
def test_an_nvidia_smi_that_shows_no_gpu_has_a_cause(said: str, cause: str) -> None:
    gpus = Gpus(nvidia_smi="/usr/bin/nvidia-smi", problem=said)
    facts = replace(WELL, gpus=gpus)
    assert cause in look("cuda-driver", facts).summary
    assert look("torch-arch", facts).status is CheckStatus.SKIP


# Judged by the other stack


def test_each_stack_judges_by_its_own_bounds() -> None:
    numpy2 = healthy("3.0")
    assert look("numpy-pin", numpy2, "3.0").status is CheckStatus.OK
    assert look("numpy-pin", numpy2, "2.4").status is CheckStatus.FAIL
    assert look("pyarrow-numpy", having(numpy2, dist("pyarrow", "26.0.1")), "3.0").status == "ok"
    assert look("lightning-pair", numpy2, "3.0").status is CheckStatus.SKIP


def test_a_leftover_of_an_interrupted_pip_is_named_with_what_removes_it() -> None:
    finding = look("duplicate-dists", replace(WELL, leftovers=(Leftover(f"{SITE}/~umpy"),)))
    assert finding.status is CheckStatus.FAIL
    assert "~umpy" in finding.summary
    assert f"rm -r '{SITE}/~umpy'" in finding.remedy


def test_conda_and_pip_that_disagree_are_seen() -> None:
    facts = replace(WELL, conda=(CondaRecord("numpy", "2.1.0"), CondaRecord("scipy", "1.17.1")))
    finding = look("duplicate-dists", facts)
    assert "conda's record says 2.1.0" in finding.detail
    assert "scipy" not in finding.summary


def test_a_numpy_1_binary_is_named_with_file_and_package() -> None:
    abi = NumpyAbi(f"{SITE}/editdistance/_d.so", "editdistance", None)
    facts = having(replace(WELL, binaries=Binaries((abi,), seen=1)), dist("numpy", "2.4.6"))
    finding = look("numpy-abi", facts)
    assert finding.status is CheckStatus.FAIL
    assert "editdistance" in finding.summary
    assert abi.path in finding.detail
    assert look("numpy-abi", replace(facts, distributions=WELL.distributions)).status == "ok"


SAMPLE = Sample("/models/v3.nemo", "/clip.wav", "he was not an ill disposed young man", "/w")


def transcribed(result: ProbeResult, *, certain: bool = True) -> Finding:
    sample = replace(SAMPLE, certain=certain)
    probes = replace(DEEP_OK, transcript=Transcribed(sample, result))
    return look("import-probe", replace(WELL, probes=probes))


def hearing(text: str) -> ProbeResult:
    return ProbeResult("transcribing a sample", True, said=text)


def test_a_sample_that_is_heard_nearly_as_it_is_said_passes_and_both_texts_are_told() -> None:
    finding = transcribed(hearing("He was not an ill-disposed young men."))
    assert finding.status is CheckStatus.OK
    assert "a sample is transcribed" in finding.summary
    assert SAMPLE.text in finding.detail
    assert "He was not an ill-disposed young men." in finding.detail


@pytest.mark.parametrize("heard", ["", "he he he he he he he he", "six people open the window"])
def test_a_sample_that_is_heard_wrongly_fails_where_the_model_must_know_it(heard: str) -> None:
    finding = transcribed(hearing(heard))
    assert finding.status is CheckStatus.FAIL
    assert f"'{heard}' for '{SAMPLE.text}'" in finding.summary
    assert "--reinstall" in finding.remedy
    unsure = transcribed(hearing(heard), certain=False)
    assert unsure.status is CheckStatus.WARN
    assert "--sample" in unsure.remedy


def test_a_crash_while_a_sample_is_transcribed_fails_and_no_step_mends_it() -> None:
    finding = transcribed(ProbeResult("transcribing a sample", False, "ended by SIGSEGV: x"))
    assert (finding.status, finding.stages) == (CheckStatus.FAIL, ())
    assert "SIGSEGV" in finding.summary
    assert "parakeet models scan /models/v3.nemo" in finding.remedy


def test_too_little_memory_for_a_model_says_nothing_against_the_stack() -> None:
    for cause in ("MemoryError: ", "ended by SIGKILL: killed from outside", "not enough memory"):
        finding = transcribed(ProbeResult("transcribing a sample", False, cause))
        assert finding.status is CheckStatus.WARN
        assert "memory" in finding.why


def test_without_a_model_the_imports_must_do_and_it_says_so() -> None:
    probes = replace(DEEP_OK, transcript=Unavailable("The model v3 is not on this machine."))
    finding = look("import-probe", replace(WELL, probes=probes))
    assert finding.status is CheckStatus.OK
    assert "No sample was transcribed: The model v3 is not on this machine." in finding.detail
