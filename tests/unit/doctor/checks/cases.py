"""Facts for every check: ones that pass, that fail, that warn and that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.facts import (
    Binaries,
    CondaRecord,
    Disk,
    Facts,
    Gpus,
    Interpreter,
    ModelCache,
    NumpyAbi,
    ProbeResult,
    Probes,
    PthFile,
    SharedLibraries,
    Unavailable,
)
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import (
    CU126,
    CU128,
    RTX_5090,
    SITE,
    built,
    dist,
    gpu,
    having,
    healthy,
    lacking,
)

HEALTHY = healthy()
EMPTY = replace(HEALTHY, distributions=(), torch=None)
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
    "stack-installed": {"ok": HEALTHY, "fail": EMPTY},
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
