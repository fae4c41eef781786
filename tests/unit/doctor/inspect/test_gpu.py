from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect import gpu
from parakeet_cli.system import hardware


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
    gpus = gpu.read_gpus(fake_smi(tmp_path / "bin", LISTING), tmp_path)
    assert [d.name for d in gpus.devices] == ["NVIDIA GeForce RTX 5090", "NVIDIA H100 80GB HBM3"]
    assert [d.sm for d in gpus.devices] == ["sm_120", "sm_90"]
    assert (gpus.cuda, gpus.devices[0].driver) == ("12.8", "570.86.10")
    assert gpus.problem == ""


def test_no_nvidia_smi_on_path_means_no_gpu(tmp_path: Path) -> None:
    gpus = gpu.read_gpus({"PATH": str(tmp_path)}, tmp_path)
    assert gpus.nvidia_smi is None
    assert not gpus.present


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo 'No devices were found'; exit 6", "No devices were found"),
        ("echo 'No devices were found'", "No devices were found"),
        ("echo 'Driver/library version mismatch' >&2; exit 18", "version mismatch"),
        ("exit 3", "ended with exit code 3"),
        ("true", "lists no device"),
    ],
)
def test_an_nvidia_smi_that_fails_is_quoted(body: str, words: str, tmp_path: Path) -> None:
    gpus = gpu.read_gpus(fake_smi(tmp_path / "bin", body), tmp_path)
    assert words in gpus.problem
    assert gpus.nvidia_smi


def test_a_hanging_nvidia_smi_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_SECONDS", 0.2)
    gpus = gpu.read_gpus(fake_smi(tmp_path / "bin", "exec sleep 60"), tmp_path)
    assert "did not answer" in gpus.problem


INSTANCES = """
[ "$1" = -L ] || exit 9
echo "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)"
echo "  MIG 1g.5gb      Device  0: (UUID: MIG-c6d4f1ef)"
echo "  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590)"
"""


def test_the_instances_of_a_divided_gpu_are_listed_without_their_ids(tmp_path: Path) -> None:
    fake_smi(tmp_path, INSTANCES)
    found = gpu.list_mig_instances(str(tmp_path / "nvidia-smi"))
    assert found == ("1g.5gb, device 0", "3g.20gb, device 1")


def test_a_machine_without_nvidia_smi_has_no_instances(tmp_path: Path) -> None:
    assert gpu.list_mig_instances(None) == ()
    assert gpu.list_mig_instances(str(tmp_path / "none")) == ()


def test_what_cuda_visible_devices_hides_is_listed_apart(tmp_path: Path) -> None:
    environment = fake_smi(tmp_path / "bin", LISTING) | {"CUDA_VISIBLE_DEVICES": "1"}
    gpus = gpu.read_gpus(environment, tmp_path)
    assert [d.sm for d in gpus.devices] == ["sm_90"]
    assert [d.sm for d in gpus.hidden] == ["sm_120"]
    assert gpus.indexes == (1,)
