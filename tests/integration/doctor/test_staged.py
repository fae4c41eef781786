"""The rows of the failure catalogue as real files on disk, found without an import.

Each case applies faults to a copy of a healthy environment and says what the doctor must find.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.explain.catalogue import catalogue, guide
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.stack.stack import load_stack
from tests.integration.doctor.conftest import Patient, snapshot
from tests.integration.doctor.fake_stack import (
    CANARY,
    CU126,
    CU128_27,
    CU128_28,
    CU130,
    SO,
    Wheel,
    gpu_library,
    numpy1_extension,
    numpy2_extension,
    torch,
    verified,
)
from tests.integration.doctor.faults import (
    Fault,
    conda_with_user_site,
    incomplete_model,
    leftover,
    release,
    second_metadata,
    with_driver_message,
    with_gpu,
    with_library,
    with_variable,
    with_wheels,
    without,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the catalogue, the faults that produce it, and what the doctor must find."""

    row: int
    check: str
    status: str
    words: tuple[str, ...]  # in the finding's summary or detail
    faults: tuple[Fault, ...]


OLD_SCIPY = Wheel("oldsignal", "1.0", ("numpy",), {"oldsignal/core" + SO: numpy1_extension()})
PROJECTORS = Wheel("torch-projectors", "0.1", (), {"torch_projectors/ops.so": gpu_library(80, 90)})
NEWER_CXX = replace(
    verified()["scipy"],
    files={"scipy/_fast" + SO: numpy2_extension() + b"GLIBCXX_3.4.21\0GLIBCXX_3.4.30\0"},
)
ARROW_FOR_2 = replace(
    release("pyarrow", "25.0.1"), files={"pyarrow/lib" + SO: numpy2_extension("2.0")}
)
NO_PKG_RESOURCES = replace(
    release("setuptools", "84.0.0"), files={"setuptools/__init__.py": CANARY}
)
NEW_NUMPY = release("numpy", "2.4.6")
CUDA_BINDINGS = Wheel("cuda-bindings", "13.0.1")

CASES = (
    Case(1, "torch-arch", "fail", ("RTX 5090", "sm_120", "sm_50 to sm_90", "no kernel image"), (
        with_gpu("RTX 5090", "570.86.10", "12.8"),
        with_wheels(torch("2.6.0+cu126", "12.6", CU126)),
    )),
    Case(2, "torch-arch", "warn", ("torch-projectors", "no kernel image", "sm_80 to sm_90"), (
        with_gpu("RTX 5090", "570.86.10", "12.8"),
        with_wheels(torch("2.7.1+cu128", "12.8", CU128_27), PROJECTORS),
    )),
    Case(3, "torch-installed", "warn", ("nightly", "20260407"), (
        with_wheels(torch("2.12.0.dev20260407+cu128", "12.8", CU128_28)),
    )),
    Case(4, "torch-installed", "fail", ("2.14.0", "<2.14"), (
        with_wheels(torch("2.14.0", "13.0", CU130)),
    )),
    Case(5, "cuda-driver", "fail", ("CUDA 13.0", "580", "550.54.15", "12.4"), (
        with_gpu("RTX 4090", "550.54.15", "12.4"),
        with_wheels(torch("2.13.0+cu130", "13.0", CU130)),
    )),
    Case(6, "cuda-driver", "fail", ("sees no device", "open kernel modules"), (
        with_driver_message("No devices were found", 6),
    )),
    Case(7, "cuda-driver", "fail", ("old kernel module stayed loaded",), (
        with_driver_message("Failed to initialize NVML: Driver/library version mismatch", 18),
    )),
    Case(8, "cuda-driver", "fail", ("compatibility folder", "804"), (
        with_gpu("RTX 4090", "535.161.08", "12.2"),
        with_library("cuda-12.8/compat", "libcuda.so.1"),
    )),
    Case(10, "environment-variables", "fail", ("LD_LIBRARY_PATH", "libnvJitLink.so.12"), (
        with_library("cuda-12.2/lib64", "libnvJitLink.so.12"),
    )),
    Case(11, "environment-variables", "fail", ("LD_LIBRARY_PATH", "libcudnn_cnn.so.9"), (
        with_library("cudnn/lib", "libcudnn_cnn.so.9"),
    )),
    Case(12, "system-libraries", "fail", ("GLIBCXX", "3.4.30", "scipy"), (
        with_wheels(NEWER_CXX),
        with_library("old/lib", "libstdc++.so.6", b"\x7fELF GLIBCXX_3.4.19\0GLIBCXX_3.4.25\0"),
    )),
    Case(13, "torch-family", "fail", ("torchaudio 2.7.1+cu126", "cu128"), (
        with_wheels(
            torch("2.7.1+cu128", "12.8", CU128_27),
            Wheel("torchaudio", "2.7.1+cu126", ("torch==2.7.1",)),
        ),
    )),
    Case(14, "torch-family", "fail", ("torchvision", "torch==2.6.0", "2.13.0"), (
        with_wheels(Wheel("torchvision", "0.21.0", ("numpy", "torch==2.6.0"))),
    )),
    Case(15, "numpy-abi", "fail", ("pyarrow", "lib.cpython", "1.26.4", "2.0"), (
        with_wheels(ARROW_FOR_2),
    )),
    Case(16, "numpy-abi", "fail", ("oldsignal", "core.cpython", "2.4.6", "NumPy 1"), (
        with_wheels(NEW_NUMPY, OLD_SCIPY),
    )),
    Case(17, "pyarrow-numpy", "fail", ("pyarrow 26.0.1", "NumPy 1.26.4"), (
        with_wheels(release("pyarrow", "26.0.1")),
    )),
    Case(18, "numpy-pin", "fail", ("numpy 2.4.6", "numba", "<2.3", "NOT met"), (
        with_wheels(
            NEW_NUMPY,
            replace(release("numba", "0.61.2"), requires=("llvmlite", "numpy<2.3,>=1.24")),
        ),
    )),
    Case(19, "nemo-requirements", "fail", ("lightning", "missing"), (without("lightning"),)),
    Case(20, "lightning-pair", "fail", ("lightning 2.4.0", "pytorch-lightning 2.2.5"), (
        with_wheels(release("lightning", "2.4.0")),
    )),
    Case(21, "setuptools-pkg-resources", "fail", ("pkg_resources", "84.0.0"), (
        with_wheels(NO_PKG_RESOURCES),
    )),
    Case(22, "nemo-requirements", "fail", ("webdataset", "missing"), (without("webdataset"),)),
    Case(23, "nemo-requirements", "fail", ("ipython", "missing"), (without("ipython"),)),
    Case(24, "fsspec-pin", "fail", ("fsspec 2026.10.0", "nemo-toolkit", "2024.12.0", "datasets"), (
        with_wheels(release("fsspec", "2026.10.0")),
    )),
    Case(25, "nemo-version", "fail", ("1.23.0", "ModelFilter", "0.36.2"), (
        with_wheels(release("nemo-toolkit", "1.23.0")),
    )),
    Case(26, "nemo-requirements", "fail", ("ml-dtypes 0.4.1",), (
        with_wheels(release("ml-dtypes", "0.4.1")),
    )),
    Case(27, "nemo-requirements", "fail", ("protobuf 6.33.0", "5.29.5"), (
        with_wheels(release("protobuf", "6.33.0")),
    )),
    Case(28, "nemo-requirements", "fail", ("lhotse 1.31.1",), (
        with_wheels(release("lhotse", "1.31.1")),
    )),
    Case(29, "nemo-requirements", "warn", ("cuda-bindings 13.0.1", "cuda-python", "slowly"), (
        with_wheels(CUDA_BINDINGS),
    )),
    Case(30, "nemo-requirements", "warn", ("cuda-bindings 13.0.1", "12.8", "CUDA failure! 35"), (
        with_wheels(torch("2.7.1+cu128", "12.8", CU128_27), CUDA_BINDINGS),
    )),
    Case(31, "cuda-toolkit", "warn", ("NVRTC 12.8.93", "12.4", "222"), (
        with_gpu("RTX 4090", "550.54.15", "12.4"),
        with_wheels(
            torch("2.7.1+cu128", "12.8", CU128_27), Wheel("nvidia-cuda-nvrtc-cu12", "12.8.93")
        ),
    )),
    Case(32, "nemo-version", "fail", ("2.6.1", "redirect_numba_module", "0.15.1"), (
        with_wheels(release("nemo-toolkit", "2.6.1"), Wheel("numba-cuda", "0.15.1")),
    )),
    Case(36, "user-site", "fail", ("numpy 2.4.6", "hides 1.26.4"), (conda_with_user_site,)),
    Case(37, "duplicate-dists", "fail", ("~umpy", "interrupted pip"), (leftover,)),
    Case(37, "duplicate-dists", "fail", ("numpy is installed 2 times", "2.4.6"), (
        second_metadata,
    )),
    Case(39, "model-cache", "warn", ("HF_HUB_OFFLINE", "no model"), (
        with_variable("HF_HUB_OFFLINE", "1"),
    )),
    Case(39, "model-cache", "warn", ("incomplete", "nvidia/parakeet-tdt-0.6b-v2"), (
        incomplete_model,
    )),
    Case(41, "nemo-version", "fail", ("No module named 'nemo'",), (without("nemo-toolkit"),)),
    Case(42, "nemo-requirements", "fail", ("einops", "missing"), (without("einops"),)),
    Case(43, "torch-arch", "fail", ("CPU build", "RTX 5090"), (
        with_gpu("RTX 5090", "570.86.10", "12.8"),
    )),
)  # fmt: skip

# Rows that are staged in another way, below.
STAGED_BELOW = {9, 34, 35, 38, 40}


def test_the_environment_without_faults_is_healthy(patient: Patient) -> None:
    report = patient.examine()
    failing = [f for f in report["findings"] if f["status"] not in ("ok", "skip", "warn")]
    assert failing == []
    assert report["healthy"] is True
    assert patient.code == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}-{case.check}")
def test_a_staged_row_is_found_without_an_import(case: Case, patient: Patient) -> None:
    for apply in case.faults:
        apply(patient)
    before = snapshot(patient.environment.prefix)
    finding = patient.finding(case.check)
    assert_finding(finding, case.status, case.words)
    assert patient.code == (0 if case.status == "warn" and not is_broken(patient) else 1)
    assert patient.environment.imported() == []
    assert snapshot(patient.environment.prefix) == before


def is_broken(patient: Patient) -> bool:
    """Whether another check fails too, for example because of a torch of another release."""
    return not patient.examine()["healthy"]


def assert_finding(finding: dict[str, str], status: str, words: tuple[str, ...]) -> None:
    assert finding["status"] == status, finding
    text = finding["summary"] + "\n" + finding["detail"]
    for word in words:
        assert word in text, f"{word!r} is not in: {text}"
    assert finding["remedy"], finding


def test_every_row_marked_staged_is_staged_here() -> None:
    staged = {case.row for case in CASES} | STAGED_BELOW
    assert staged == {row.number for row in (*catalogue(), *guide()) if row.kind == "staged"}
    assert len(staged & {row.number for row in catalogue()}) >= 25


def test_a_staged_row_is_reported_by_the_check_it_names() -> None:
    named = {row.number: row.check for row in (*catalogue(), *guide())}
    wrong = [(case.row, case.check) for case in CASES if case.check != named[case.row]]
    assert wrong == []


def test_the_staged_rows_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    checks = Counter(case.check for case in CASES)
    with capsys.disabled():
        rows = {case.row for case in CASES} | STAGED_BELOW
        print(f"\nstaged as files: {len(rows)} rows by {checks}")
    assert len(checks) > 10


# Staged in another way: another root folder, a small disk, a crash


def finding_with_root(patient: Patient, root: Path, check: str) -> dict[str, str]:
    """The finding if / is another folder, with its own /proc, ld.so.cache and libraries."""
    facts = gather_facts(
        str(patient.environment.python),
        environment=patient.all_variables(),
        root=root,
        cache_folder=patient.tmp / "cache",
    )
    (finding,) = run_checks(facts, load_stack("2.4"), [check])
    return finding.as_json()


def test_9_a_linux_driver_inside_wsl_hides_the_one_of_windows(patient: Patient) -> None:
    with_gpu("RTX 4090", "572.16", "12.8")(patient)
    root = patient.tmp / "root"
    for path, text in {
        "proc/version": "Linux version 5.15.167.4-microsoft-standard-WSL2 (gcc) #1 SMP",
        "usr/lib/x86_64-linux-gnu/libcuda.so.1": "",
        "usr/lib/wsl/lib/libcuda.so.1": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    finding = finding_with_root(patient, root, "cuda-driver")
    assert_finding(finding, "fail", ("Linux driver's libcuda", "WSL"))


def test_34_a_system_without_portaudio(patient: Patient) -> None:
    finding = finding_with_root(patient, patient.tmp / "root", "system-libraries")
    assert_finding(finding, "warn", ("PortAudio is missing",))


def test_35_a_soundfile_without_its_library_on_a_system_without_one(patient: Patient) -> None:
    with_wheels(replace(verified()["soundfile"], files={"soundfile.py": CANARY}))(patient)
    finding = finding_with_root(patient, patient.tmp / "root", "system-libraries")
    assert_finding(finding, "fail", ("libsndfile is missing",))


def can_mount() -> bool:
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="a small disk can only be mounted as root")
def test_38_a_full_temporary_folder(patient: Patient) -> None:
    small = patient.tmp / "small"
    small.mkdir()
    patient.variables["TMPDIR"] = str(small)
    mount = f'/bin/mount -t tmpfs -o size=64k none {small} && exec "$@"'
    report = patient.examine(before=("/usr/bin/unshare", "-m", "/bin/sh", "-c", mount, "sh"))
    finding = next(found for found in report["findings"] if found["id"] == "disk-space")
    assert_finding(finding, "fail", ("temporary folder", str(small)))


def test_40_an_import_that_crashes_the_interpreter(patient: Patient) -> None:
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    (patient.environment.site / "numpy" / "__init__.py").write_text(crash)
    finding = patient.finding("import-probe", "--deep")
    assert_finding(finding, "fail", ("numpy",))
    assert "SIGSEGV" in finding["summary"] + finding["detail"]


def test_a_container_that_got_a_gpu_without_the_drivers_libcuda(patient: Patient) -> None:
    with_gpu("RTX 5090", "580.65.06", "13.0")(patient)
    root = patient.tmp / "root"
    for path in (".dockerenv", "dev/nvidia0", "dev/nvidiactl", "dev/nvidia-uvm"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    module = root / "proc/driver/nvidia/version"
    module.parent.mkdir(parents=True)
    module.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06\n")
    finding = finding_with_root(patient, root, "cuda-driver")
    assert_finding(finding, "fail", ("libcuda.so.1 is not in this container",))
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in finding["remedy"]
