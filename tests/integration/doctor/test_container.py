"""The doctor in a made-up container: namespaces and a root with what an engine leaves in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.fake_stack import (
    CU128_28,
    Environment,
    gpu_line,
    nvidia_smi,
    torch,
)

# The machine's own folders, a /dev and a /proc/driver of its own, and the mark of an engine.
INSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
for name in $(ls -A /); do
    if [ -L "/$name" ]; then cp -P "/$name" "$root/$name"
    elif [ -d "/$name" ] && [ "$name" != dev ] && [ "$name" != run ]; then
        mkdir "$root/$name"; mount --rbind "/$name" "$root/$name"
    fi
done
mkdir -p "$root/dev/shm" "$root/run"
for name in null zero urandom; do
    touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t tmpfs -o "size=$shm" tmpfs "$root/dev/shm"
for node in $nodes; do touch "$root/dev/$node"; done
if [ "$module" ]; then
    mount -t tmpfs tmpfs "$root/proc/driver"
    mkdir "$root/proc/driver/nvidia"
    echo "$module" >"$root/proc/driver/nvidia/version"
fi
if [ "$kernel" ]; then echo "$kernel" >"$root/run/version"
    mount --bind "$root/run/version" "$root/proc/version"
fi
touch "$root/$mark"
exec chroot "$root" env -i "$@"
"""
NODES = "nvidia0 nvidiactl nvidia-uvm"
MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06"
WSL = "Linux version 6.6.87.2-microsoft-standard-WSL2"
DOCKER, PODMAN = ".dockerenv", "run/.containerenv"
OLD, NEW = ("565.57.01", "12.7"), ("580.65.06", "13.0")


def why_not() -> str:
    """Why no namespaces can be made here, or ""."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "needs unshare"
    made = subprocess.run(["unshare", *namespaces(), "true"], capture_output=True, check=False)
    return "" if made.returncode == 0 else "namespaces can't be made here"


def namespaces() -> list[str]:
    return ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A torch for CUDA 12.8, and nothing else."""
    folder = tmp_path_factory.mktemp("inside")
    env = Environment.new(folder / "env")
    env.install([torch("2.8.0+cu128", "12.8", CU128_28)], folder / "wheels")
    return env


@pytest.fixture
def doctor(stack: Environment, tmp_path: Path) -> Doctor:
    """The findings about the driver and the disks in a container with these things of the host."""

    def run(
        mark: str,
        driver: tuple[str, str] | None = NEW,
        libcuda: bool = True,
        variables: Mapping[str, str] | None = None,
        **things: str,
    ) -> dict[str, dict[str, Any]]:
        (tmp_path / "root").mkdir()
        libraries = tmp_path / "libraries"
        libraries.mkdir()
        if libcuda:
            (libraries / "libcuda.so.1").touch()
        programs = tmp_path / "programs"
        programs.mkdir()
        if driver is not None:
            nvidia_smi(programs, gpu_line("RTX 5090", driver[0]), driver[1])
        given = {"root": str(tmp_path / "root"), "mark": mark, "nodes": NODES, "module": MODULE}
        given |= {"shm": "2g", "kernel": "", **things}
        inside = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "LD_LIBRARY_PATH": str(libraries),
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "NVIDIA_VISIBLE_DEVICES": "all",
            **(variables or {}),
        }
        command = [sys.executable, "-m", "parakeet_cli", "doctor", "--json"]
        command += ["--python", str(stack.prefix), "--only", "cuda-driver", "--only", "disk-space"]
        done = subprocess.run(
            ["unshare", *namespaces(), "sh", "-c", INSIDE, "sh",
             *(f"{name}={value}" for name, value in inside.items()), *command],
            env=os.environ | given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return {one["id"]: one for one in json.loads(done.stdout)["findings"]}

    return run


def test_a_container_that_was_given_everything_is_healthy(doctor: Doctor) -> None:
    found = doctor(DOCKER)
    assert {one["status"] for one in found.values()} == {"ok"}, found


@pytest.mark.parametrize(
    ("mark", "things", "summary", "remedies"),
    [
        (DOCKER, {"libcuda": False}, "libcuda.so.1 is not in this container",
         ["docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility"]),
        (PODMAN, {"libcuda": False}, "libcuda.so.1 is not in this container",
         ["sudo nvidia-ctk cdi generate"]),
        (DOCKER, {"nodes": "nvidia0 nvidiactl"}, "/dev/nvidia-uvm is not in this container",
         ["On the host: sudo nvidia-modprobe -c 0 -u", "docker run --gpus all"]),
        (PODMAN, {"nodes": ""}, "/dev/nvidia0 and /dev/nvidiactl and /dev/nvidia-uvm are not",
         ["nvidia-modprobe -c 0 -u && sudo nvidia-ctk cdi", "--device nvidia.com/gpu=all"]),
        (DOCKER, {"nodes": "", "module": "", "kernel": WSL}, "/dev/dxg is not in this container",
         ["docker run --gpus all"]),
        (DOCKER, {"driver": OLD}, "driver 565.57.01 is too old for RTX 5090",
         ["On the host, since a container uses the host's driver: Install an NVIDIA driver"]),
        (PODMAN, {"driver": OLD, "nodes": "dxg", "module": "", "kernel": WSL},
         "driver 565.57.01 is too old", ["On Windows, never in WSL: ", "wsl --shutdown"]),
        (DOCKER, {"driver": None, "nodes": ""}, "this container was given no GPU",
         ["sudo nvidia-ctk runtime configure --runtime=docker", "docker run --gpus all"]),
        (PODMAN, {"driver": None, "nodes": "", "module": ""}, "the host has no NVIDIA driver",
         ["On the host: install NVIDIA's driver", "podman run --device nvidia.com/gpu=all"]),
        (DOCKER, {"driver": None, "nodes": "", "module": "", "kernel": WSL},
         "Its kernel is that of WSL", ["On Windows, never in WSL: ", "Docker Desktop"]),
    ],
)  # fmt: skip
def test_what_a_container_lacks_of_the_hosts_driver_is_named_with_what_to_type_on_the_host(
    mark: str, things: dict[str, Any], summary: str, remedies: list[str], doctor: Doctor
) -> None:
    finding = doctor(mark, **things)["cuda-driver"]
    assert finding["status"] in ("fail", "warn")
    assert summary in finding["summary"]
    for remedy in remedies:
        assert remedy in finding["remedy"], finding["remedy"]


@pytest.mark.parametrize(
    ("mark", "remedy"),
    [(DOCKER, "docker run --shm-size=1g"), (PODMAN, "podman run --shm-size=1g")],
)
def test_a_small_shared_memory_is_named_with_what_makes_it_larger(
    mark: str, remedy: str, doctor: Doctor
) -> None:
    finding = doctor(mark, shm="64m")["disk-space"]
    assert finding["status"] == "warn"
    assert "/dev/shm has 64 MiB in this container" in finding["summary"]
    assert remedy in finding["remedy"]
