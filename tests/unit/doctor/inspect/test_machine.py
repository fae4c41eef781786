"""What surrounds an interpreter: GPU, libraries, variables, disk, models."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import CondaRecord, TorchBuild, Unavailable
from parakeet_cli.doctor.inspect import gpu, libraries, machine, torch_build
from parakeet_cli.doctor.inspect.scan_cache import ScanCache
from parakeet_cli.system import hardware
from tests.doctor_facts import OnDisk, dist, healthy

WELL = healthy()


def fake_smi(folder: Path, body: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


LISTING = """
case "$1" in
  --query-gpu=name,compute_cap,driver_version,memory.total)
    [ "$2" = --format=csv,noheader ] || exit 9
    echo "NVIDIA GeForce RTX 5090, 12.0, 570.86.10, 32607 MiB"
    echo "NVIDIA H100 80GB HBM3, 9.0, 570.86.10, 81559 MiB" ;;
  "") echo "| NVIDIA-SMI 570.86.10   Driver Version: 570.86.10   CUDA Version: 12.8  |" ;;
esac
"""


def test_gpus_are_read_as_nvidia_smi_lists_them(tmp_path: Path) -> None:
    gpus = gpu.read(fake_smi(tmp_path / "bin", LISTING), tmp_path)
    assert [d.name for d in gpus.devices] == ["NVIDIA GeForce RTX 5090", "NVIDIA H100 80GB HBM3"]
    assert [d.sm for d in gpus.devices] == ["sm_120", "sm_90"]
    assert (gpus.cuda, gpus.devices[0].driver) == ("12.8", "570.86.10")
    assert gpus.problem == ""


def test_no_nvidia_smi_on_path_means_no_gpu(tmp_path: Path) -> None:
    gpus = gpu.read({"PATH": str(tmp_path)}, tmp_path)
    assert gpus.nvidia_smi is None
    assert not gpus.present


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo 'No devices were found'; exit 6", "No devices were found"),
        ("echo 'No devices were found'", "No devices were found"),
        ("echo 'Driver/library version mismatch' >&2; exit 18", "version mismatch"),
        ("exit 3", "ended with status 3"),
        ("true", "lists no device"),
    ],
)
def test_an_nvidia_smi_that_fails_is_quoted(body: str, words: str, tmp_path: Path) -> None:
    gpus = gpu.read(fake_smi(tmp_path / "bin", body), tmp_path)
    assert words in gpus.problem
    assert gpus.nvidia_smi


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_SECONDS", 0.2)
    gpus = gpu.read(fake_smi(tmp_path / "bin", "exec sleep 60"), tmp_path)
    assert "did not answer" in gpus.problem


def test_libcuda_is_found_in_the_loaders_order(tmp_path: Path) -> None:
    root = tmp_path / "root"
    compat = tmp_path / "compat"
    for folder in (root / "usr/lib/wsl/lib", root / "usr/lib/x86_64-linux-gnu", compat):
        folder.mkdir(parents=True)
        (folder / "libcuda.so.1").write_text("")
    (root / "etc").mkdir()
    wsl = f"{root}/usr/lib/wsl/lib/libcuda.so.1"
    (root / "etc/ld.so.cache").write_bytes(b"x\0libcuda.so.1\0" + wsl.encode() + b"\0y\0")
    found = list(libraries.candidates("libcuda.so.1", {"LD_LIBRARY_PATH": str(compat)}, root))
    assert found == [
        f"{compat}/libcuda.so.1",
        wsl,
        f"{root}/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    ]


def test_folders_of_ld_library_path_are_looked_through(tmp_path: Path) -> None:
    (tmp_path / "libnvJitLink.so.12").write_text("")
    (tmp_path / "libharmless.so").write_text("")
    found = libraries.shadowing({"LD_LIBRARY_PATH": f"{tmp_path}:/gone:"})
    assert found == {str(tmp_path): ("libnvJitLink.so.12",), "/gone": ()}


# torch


VERSION_PY = """from typing import Optional
__version__ = '2.8.0+cu128'
debug = False
cuda: Optional[str] = '12.8'
hip: Optional[str] = None
raise RuntimeError("this is read, not run")
"""


def torch_of(env: OnDisk, version_py: str, library: bytes = b"") -> TorchBuild | Unavailable | None:
    env.install("torch", "2.8.0", files={
        "torch/version.py": version_py,
        "torch/lib/libtorch_python.so": library or b"\0sm_90 sm_120\0",
    })  # fmt: skip
    cache = ScanCache(str(env.prefix), env.prefix / "cache")
    return torch_build.read((str(env.site),), dist("torch", "2.8.0"), cache)


def test_torchs_version_cuda_and_architectures_are_read(tmp_path: Path) -> None:
    build = torch_of(OnDisk.new(tmp_path / "e"), VERSION_PY)
    assert isinstance(build, TorchBuild)
    assert (build.version, build.cuda, build.hip) == ("2.8.0+cu128", "12.8", None)
    assert build.arch_list == ("sm_90", "sm_120")


def test_a_version_file_that_is_no_python_makes_torch_unknown(tmp_path: Path) -> None:
    assert isinstance(torch_of(OnDisk.new(tmp_path / "e"), "__version__ = ("), Unavailable)


def test_a_torch_without_its_files_is_known_by_its_tag(tmp_path: Path) -> None:
    cache = ScanCache("/env", tmp_path)
    build = torch_build.read((str(tmp_path),), dist("torch", "2.9.1+cu128"), cache)
    assert isinstance(build, TorchBuild)
    assert build.cuda == "12.8"
    assert torch_build.read((str(tmp_path),), None, cache) is None


# Variables, conda, disk, models


def test_variables_are_kept_without_their_secrets() -> None:
    kept = machine.variables(
        {
            "PIP_INDEX_URL": "https://me:secret@example.org/simple",
            "HF_TOKEN": "hf_secret",
            "LD_LIBRARY_PATH": "/opt/cuda/lib64",
            "EDITOR": "vi",
        }
    )
    assert kept == {
        "PIP_INDEX_URL": "https://***@example.org/simple",
        "HF_TOKEN": "(set)",
        "LD_LIBRARY_PATH": "/opt/cuda/lib64",
    }


def test_conda_records_are_read_by_their_names(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "c")
    (env.prefix / "conda-meta").mkdir()
    for name in ("cuda-toolkit-12.8.1-ha804496_0.json", "numpy-1.26.4-py311_0.json", "history"):
        (env.prefix / "conda-meta" / name).write_text("")
    from parakeet_cli.doctor.inspect.interpreter import read

    found = machine.conda_records(read(env.python, {"HOME": "/nowhere"}))
    assert found == (CondaRecord("cuda-toolkit", "12.8.1"), CondaRecord("numpy", "1.26.4"))


def test_disk_is_measured_where_pip_writes(tmp_path: Path) -> None:
    variables = {"TMPDIR": str(tmp_path), "PIP_CACHE_DIR": str(tmp_path / "not" / "yet")}
    found = {disk.role: disk for disk in machine.disks(WELL.interpreter, variables)}
    assert found["the temporary folder"].path == str(tmp_path)
    assert found["pip's cache"].free > 0


def test_models_in_the_cache_are_whole_or_have_gaps(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for name in ("whole", "dangling", "half", "empty"):
        (hub / f"models--nvidia--{name}" / "blobs").mkdir(parents=True)
        (hub / f"models--nvidia--{name}" / "snapshots" / "abc").mkdir(parents=True)
    blob = hub / "models--nvidia--whole/blobs/1"
    blob.write_text("x")
    (hub / "models--nvidia--whole/snapshots/abc/model.nemo").symlink_to(blob)
    (hub / "models--nvidia--dangling/snapshots/abc/model.nemo").symlink_to("../../blobs/gone")
    (hub / "models--nvidia--half/snapshots/abc/model.nemo").write_text("x")
    (hub / "models--nvidia--half/blobs/2.incomplete").write_text("x")
    found = machine.model_cache({"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"})
    assert found.models == ("nvidia/whole",)
    assert found.damaged == ("nvidia/dangling", "nvidia/empty", "nvidia/half")
    assert found.offline == "HF_HUB_OFFLINE"
    assert machine.model_cache({"HF_HOME": str(tmp_path / "none")}).models == ()
