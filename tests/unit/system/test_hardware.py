from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from parakeet_cli.system import hardware

LISTS = """#!/bin/sh
case "$1" in
    --query*) echo 'NVIDIA GeForce RTX 5090, 12.0, 570.86.10, 32607 MiB' ;;
    *) echo '| NVIDIA-SMI 570.86.10    Driver Version: 570.86.10    CUDA Version: 12.8     |' ;;
esac
"""


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    """A test's folder can have the name of an earlier one's, which pytest has removed."""
    hardware._lists_a_gpu.cache_clear()


def nvidia_smi(folder: Path, script: str) -> dict[str, str]:
    """An environment whose PATH has this nvidia-smi."""
    program = folder / "nvidia-smi"
    program.write_text(script)
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_gpu_is_listed_with_its_driver(tmp_path: Path) -> None:
    found = hardware.list_gpus(nvidia_smi(tmp_path, LISTS), with_cuda=True)
    assert found.gpus == (
        hardware.Gpu("NVIDIA GeForce RTX 5090", "12.0", "570.86.10", "32607 MiB"),
    )
    assert (found.cuda, found.problem) == ("12.8", "")
    assert found.gpus[0].sm == "sm_120"


def test_without_nvidia_smi_there_is_no_gpu(tmp_path: Path) -> None:
    assert hardware.list_gpus({"PATH": str(tmp_path)}) == hardware.GpuList()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("#!/bin/sh\necho No devices were found\n", "No devices were found"),
        ("#!/bin/sh\necho failed because it could not; exit 9\n", "failed because it could not"),
        ("#!/bin/sh\nexit 3\n", "nvidia-smi ended with exit code 3"),
        ("#!/bin/sh\n", "nvidia-smi lists no device"),
        ("#!/no/such/interpreter\n", "nvidia-smi can't be started"),
    ],
)
def test_a_driver_that_lists_nothing_says_why(tmp_path: Path, script: str, problem: str) -> None:
    found = hardware.list_gpus(nvidia_smi(tmp_path, script))
    assert not found.gpus
    assert problem in found.problem


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        ("0,1", ("cuda:0", "cuda:1")),
        ("", ()),
        ("-1", ()),
        ("3,-1,1", ("cuda:0",)),
        ("MIG-5c89,MIG-0d3f", ("MIG-5c89", "MIG-0d3f")),
        ("GPU-8932f937", ("cuda:0",)),
        (None, ("cuda:0",)),
    ],
)
def test_cuda_visible_devices_decides_where_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, LISTS)["PATH"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert hardware.visible_gpus() == gpus
    assert hardware.has_gpu() == bool(gpus)


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("NVIDIA H200, 9.0, 570.86.15, 143771 MiB", True),
        ("No devices were found", False),
        ("NVIDIA-SMI has failed because it could not", False),
    ],
)
def test_there_is_a_gpu_only_if_nvidia_smi_lists_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, listed: bool
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not hardware.has_gpu()
    nvidia_smi(tmp_path, f"#!/bin/sh\necho '{line}'\n")
    assert hardware.has_gpu() is listed


def test_nvidia_smi_is_asked_once_for_whether_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = LISTS.replace("case", f"echo called >> {tmp_path}/calls\ncase", 1)
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, script)["PATH"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert hardware.has_gpu()
    assert hardware.has_gpu()
    assert (tmp_path / "calls").read_text() == "called\n"


def test_there_is_a_core_and_some_memory() -> None:
    assert hardware.usable_cores() >= 1
    assert hardware.available_memory() > 1 << 20


def test_a_part_of_a_gpu_is_the_first_device_of_the_process_that_sees_it_alone() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "MIG-5c89"}
    assert hardware.visible_device("MIG-5c89") == ("cuda:0", environment)
    assert hardware.visible_device("cuda:1") == ("cuda:1", {})


MIXED = (
    hardware.Gpu("NVIDIA GeForce GTX 1080", "6.1", "580.65.06", "8192 MiB"),
    hardware.Gpu("NVIDIA GeForce RTX 5090", "12.0", "580.65.06", "32607 MiB"),
    hardware.Gpu("NVIDIA H100 PCIe", "9.0", "580.65.06", "81559 MiB"),
)
WITH_UUIDS = """#!/bin/sh
[ "$1" = -L ] || exit 9
echo 'GPU 0: NVIDIA GeForce GTX 1080 (UUID: GPU-1080aaaa-0000-1111-2222-333333333333)'
echo 'GPU 1: NVIDIA GeForce RTX 5090 (UUID: GPU-5090bbbb-0000-1111-2222-333333333333)'
echo 'GPU 2: NVIDIA H100 PCIe (UUID: GPU-9000cccc-0000-1111-2222-333333333333)'
echo '  MIG 1g.10gb     Device  0: (UUID: MIG-77dddddd-0000-1111-2222-333333333333)'
"""


@pytest.mark.parametrize(
    ("visible", "order", "indexes"),
    [
        (None, None, (0, 1, 2)),
        ("", None, ()),
        ("-1", None, ()),
        ("NoDevFiles", None, ()),
        ("0", None, (1,)),  # CUDA counts the fastest first
        ("0,2", None, (1, 0)),
        ("0", "PCI_BUS_ID", (0,)),
        ("2, 0", "PCI_BUS_ID", (2, 0)),
        ("1,1", "PCI_BUS_ID", (1,)),
        ("0,-1,1", "PCI_BUS_ID", (0,)),  # what follows an invalid entry is hidden too
        ("0,7,1", "PCI_BUS_ID", (0,)),
        ("GPU-5090bbbb-0000-1111-2222-333333333333", None, (1,)),
        ("GPU-5090,GPU-1080", None, (1, 0)),
        ("GPU-unknown", None, ()),
        ("MIG-77dddddd-0000-1111-2222-333333333333", None, (2,)),
        ("MIG-GPU-9000cccc-0000-1111-2222-333333333333", None, (2,)),
    ],
)
def test_cuda_visible_devices_names_gpus_by_index_and_by_uuid(
    tmp_path: Path, visible: str | None, order: str | None, indexes: tuple[int, ...]
) -> None:
    environment = nvidia_smi(tmp_path, WITH_UUIDS)
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    if order is not None:
        environment["CUDA_DEVICE_ORDER"] = order
    assert hardware.visible_indexes(MIXED, environment) == indexes


def test_uuids_that_nvidia_smi_does_not_tell_hide_nothing(tmp_path: Path) -> None:
    environment = nvidia_smi(tmp_path, "#!/bin/sh\nexit 1\n")
    environment["CUDA_VISIBLE_DEVICES"] = "GPU-5090bbbb"
    assert len(hardware.visible_indexes(MIXED, environment)) == 3


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho $$ >> PIDS\nsleep 300 & echo $! >> PIDS\nwait\n",
        # Its child outlives it, in the same group, and holds the pipe open.
        "#!/bin/sh\nsleep 300 & echo $! >> PIDS\nexit 0\n",
    ],
)
def test_an_nvidia_smi_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(hardware, "_SECONDS", 1.0)
    pids = tmp_path / "pids"
    environment = nvidia_smi(tmp_path, script.replace("PIDS", str(pids)))
    found = hardware.list_gpus(environment, with_cuda=True)
    assert found.problem == "nvidia-smi did not answer within 1 seconds"
    started = [int(line) for line in pids.read_text().splitlines()]
    assert started
    deadline = time.monotonic() + 10.0
    while any(map(is_running, started)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_of_nvidia_smi_that_left_its_group_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the pipe open for 300 s; without a limit that is how long the answer takes."""
    monkeypatch.setattr(hardware, "_SECONDS", 1.0)
    pids = tmp_path / "pids"
    environment = nvidia_smi(tmp_path, f"#!/bin/sh\nsetsid sleep 300 & echo $! >> {pids}\nwait\n")
    found = hardware.list_gpus(environment)
    alive = [int(line) for line in pids.read_text().splitlines()]
    try:
        assert "did not answer" in found.problem
        assert all(map(is_running, alive))
    finally:
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.returncode == 0 and not done.stdout.startswith("Z")


def test_the_system_says_how_often_it_killed_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_text
    texts = iter(["pgfault 12\noom_kill 3\n", "pgfault 12\n"])

    def read(path: Path, *named: str, **more: str) -> str:
        return next(texts) if str(path) == "/proc/vmstat" else real(path, *named, **more)

    monkeypatch.setattr(Path, "read_text", read)
    assert [hardware.memory_kills(), hardware.memory_kills()] == [3, 0]
