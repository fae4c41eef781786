"""What the doctor says in a container, of what the host has to give it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.container import Container
from parakeet_cli.doctor.facts import Facts, Gpus, Unavailable
from parakeet_cli.doctor.findings import CheckStatus
from tests.doctor_facts import CU128, RTX_5090, built, gpu
from tests.unit.doctor.checks.cases import HEALTHY, check_one, with_gpu

MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06"
NODES = ("/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidiactl")
LIBCUDA = ("/usr/lib/x86_64-linux-gnu/libcuda.so.1",)
CUDA_TORCH = built("2.8.0+cu128", "12.8", CU128)
MIB = 2**20


def in_container(
    gpus: Gpus, *, engine: str = "Docker", nodes: tuple[str, ...] = NODES, asks: bool = False
) -> Facts:
    """A torch for CUDA in a container with these GPUs, and a /dev/shm of 8 GiB."""
    container = Container(engine, nodes=nodes, shared_memory=8192 * MIB, asks_for_gpu=asks)
    return replace(with_gpu(gpus, CUDA_TORCH), container=container)


def given(gpus: Gpus = RTX_5090, **changes: object) -> Gpus:
    whole = replace(gpus, kernel_module=MODULE, libcuda=LIBCUDA)
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_a_container_that_was_given_its_gpu_is_healthy() -> None:
    assert check_one("cuda-driver", in_container(given())).status is CheckStatus.OK


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("Docker", "docker run --gpus all"),
        ("Podman", "podman run --device nvidia.com/gpu=all"),
        ("Apptainer", "apptainer exec --nv"),
        ("Kubernetes", "nvidia.com/gpu: 1"),
        ("", "docker run --gpus all"),
    ],
)
def test_a_container_without_the_hosts_gpu_is_told_how_its_engine_gives_one(
    engine: str, words: str
) -> None:
    facts = in_container(Gpus(kernel_module=MODULE), engine=engine, nodes=())
    finding = check_one("cuda-driver", facts)
    assert finding.status is CheckStatus.WARN
    assert "the host has an NVIDIA driver, but this container was given no GPU" in finding.summary
    assert words in finding.remedy


def test_a_container_that_asks_for_a_gpu_on_a_host_without_a_driver_says_so() -> None:
    finding = check_one("cuda-driver", in_container(Gpus(), nodes=(), asks=True))
    assert finding.status is CheckStatus.WARN
    assert "the host has no NVIDIA driver" in finding.summary
    assert "On the host: install NVIDIA's driver" in finding.remedy


def test_nodes_without_nvidia_smi_need_the_drivers_programs() -> None:
    finding = check_one("cuda-driver", in_container(Gpus(kernel_module=MODULE)))
    assert finding.status is CheckStatus.WARN
    assert "not nvidia-smi" in finding.summary
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in finding.remedy


@pytest.mark.parametrize(
    "facts",
    [
        HEALTHY,
        replace(HEALTHY, container=Container("Docker")),
        # A torch for the CPU needs no GPU, and neither does a container that asks for none.
        replace(HEALTHY, container=Container("Docker"), gpus=Gpus(kernel_module=MODULE)),
        in_container(Gpus(), nodes=()),
        replace(with_gpu(Gpus(kernel_module=MODULE), CUDA_TORCH), container=None),
    ],
)
def test_no_nvidia_smi_means_no_gpu_elsewhere(facts: Facts) -> None:
    finding = check_one("cuda-driver", facts)
    assert finding.status is CheckStatus.SKIP
    assert finding.summary == "no GPU: nvidia-smi is not on PATH"


def test_a_listed_gpu_without_libcuda_needs_the_part_compute() -> None:
    finding = check_one("cuda-driver", in_container(given(libcuda=())))
    assert finding.status is CheckStatus.FAIL
    assert "libcuda.so.1 is not in this container" in finding.summary
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in finding.remedy


@pytest.mark.parametrize(
    ("nodes", "missing"),
    [
        (("/dev/nvidia0", "/dev/nvidiactl"), "/dev/nvidia-uvm is not"),
        (("/dev/nvidia-uvm", "/dev/nvidiactl"), "/dev/nvidia0 is not"),
        (("/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm"), ""),
        ((), "/dev/nvidia0 and /dev/nvidiactl and /dev/nvidia-uvm are not"),
    ],
)
def test_a_listed_gpu_without_its_device_nodes_can_not_be_used(
    nodes: tuple[str, ...], missing: str
) -> None:
    finding = check_one("cuda-driver", in_container(given(), nodes=nodes))
    assert finding.status is (CheckStatus.FAIL if missing else CheckStatus.OK)
    assert missing in finding.summary
    if missing:
        assert "nvidia-modprobe" in finding.remedy
        assert "--gpus all" in finding.remedy


def test_in_wsl_the_node_is_another() -> None:
    wsl = given(wsl=True, kernel_module=None, libcuda=("/usr/lib/wsl/lib/libcuda.so.1",))
    good = check_one("cuda-driver", in_container(wsl, nodes=("/dev/dxg",)))
    bad = check_one("cuda-driver", in_container(wsl, nodes=()))
    assert good.status is CheckStatus.OK
    assert bad.status is CheckStatus.FAIL
    assert "/dev/dxg" in bad.summary
    assert "nvidia-modprobe" not in bad.remedy


def test_in_wsl_the_toolkit_puts_libcuda_where_linux_has_it() -> None:
    wsl = given(wsl=True, kernel_module=None)
    inside = in_container(wsl, nodes=("/dev/dxg",))
    assert check_one("cuda-driver", inside).status is CheckStatus.OK
    outside = check_one("cuda-driver", replace(inside, container=None))
    assert "hides the one of WSL" in outside.summary


@pytest.mark.parametrize(
    ("engine", "once", "again"),
    [
        (
            "Docker",
            "In WSL (Docker Desktop needs nothing), once: sudo nvidia-ctk runtime",
            "--gpus all",
        ),
        ("Podman", "In WSL, once: sudo nvidia-ctk cdi generate", "--device nvidia.com/gpu=all"),
        ("Apptainer", "nvidia-smi must work in WSL", "apptainer exec --nv"),
    ],
)
def test_in_wsl_a_container_without_a_gpu_gets_the_driver_of_windows(
    engine: str, once: str, again: str
) -> None:
    finding = check_one("cuda-driver", in_container(Gpus(wsl=True), engine=engine, nodes=()))
    assert finding.status is CheckStatus.WARN
    assert "this container was given no GPU" in finding.summary
    assert "the host has an NVIDIA driver" not in finding.summary  # that can't be seen there
    assert finding.remedy.startswith("On Windows, never in WSL: ")
    assert once in finding.remedy
    assert again in finding.remedy


@pytest.mark.parametrize("engine", ["Docker", "Podman", None])
def test_in_wsl_an_old_driver_is_replaced_on_windows(engine: str | None) -> None:
    old = given(gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"), wsl=True, kernel_module=None)
    facts = in_container(old, engine=engine or "", nodes=("/dev/dxg",))
    if engine is None:
        facts = replace(facts, container=None, gpus=replace(old, libcuda=("/usr/lib/wsl/lib/x",)))
    finding = check_one("cuda-driver", facts)
    assert finding.status is CheckStatus.FAIL
    assert "565.57.01 is too old" in finding.summary
    assert finding.remedy.startswith("On Windows, never in WSL: Install an NVIDIA driver of series")
    assert finding.remedy.endswith("then: wsl --shutdown.")


def test_in_wsl_a_failing_nvidia_smi_is_no_matter_of_a_kernel_module() -> None:
    said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    failing = Gpus(nvidia_smi="/usr/lib/wsl/lib/nvidia-smi", problem=said, wsl=True)
    finding = check_one("cuda-driver", replace(HEALTHY, gpus=failing))
    assert finding.status is CheckStatus.FAIL
    assert "modprobe" not in finding.remedy
    assert "On Windows, never in WSL" in finding.remedy


def test_podmans_list_of_nodes_is_made_again_with_the_nodes() -> None:
    finding = check_one("cuda-driver", in_container(given(), engine="Podman", nodes=()))
    assert "sudo nvidia-modprobe -c 0 -u && sudo nvidia-ctk cdi generate" in finding.remedy
    assert "podman run --device nvidia.com/gpu=all" in finding.remedy


def test_outside_a_container_nothing_is_said_of_nodes() -> None:
    facts = replace(in_container(given(libcuda=())), container=None)
    assert check_one("cuda-driver", facts).status is CheckStatus.OK


def test_a_driver_that_is_too_old_is_replaced_on_the_host() -> None:
    old = given(gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7"))
    finding = check_one("cuda-driver", in_container(old))
    assert finding.status is CheckStatus.FAIL
    assert "565.57.01 is too old" in finding.summary
    assert finding.remedy.startswith("On the host, since a container uses the host's driver: ")
    outside = check_one("cuda-driver", replace(in_container(old), container=None))
    assert "host" not in outside.remedy


@pytest.mark.parametrize(
    ("message", "nodes", "cause", "remedy"),
    [
        ("Failed to initialize NVML: Unknown Error", (), "lost", "Start the container again"),
        (
            "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.",
            NODES,
            "not the driver's libraries",
            "--gpus all",
        ),
        ("Failed to initialize NVML: Insufficient Permissions", NODES, "may not open", "group-add"),
        ("No devices were found", (), "no GPU's device nodes", "--gpus all"),
        ("No devices were found", NODES, "open kernel modules", "On the host"),
        ("Failed to initialize NVML: Driver/library version mismatch", NODES, "updated", "On the"),
    ],
)
def test_the_message_of_nvidia_smi_means_something_else_in_a_container(
    message: str, nodes: tuple[str, ...], cause: str, remedy: str
) -> None:
    gpus = Gpus(nvidia_smi="/usr/bin/nvidia-smi", problem=message, kernel_module=MODULE)
    finding = check_one("cuda-driver", in_container(gpus, nodes=nodes))
    assert finding.status is CheckStatus.FAIL
    assert cause in finding.summary
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("Docker", "--shm-size=1g"),
        ("Podman", "--shm-size=1g"),
        ("Kubernetes", "medium: Memory"),
        ("Apptainer", "remount,size=1g"),
    ],
)
def test_a_small_shared_memory_is_named_with_what_makes_it_larger(engine: str, words: str) -> None:
    facts = replace(HEALTHY, container=Container(engine, shared_memory=64 * MIB))
    finding = check_one("disk-space", facts)
    assert finding.status is CheckStatus.WARN
    assert "/dev/shm has 64 MiB" in finding.summary
    assert words in finding.remedy


def test_a_full_disk_is_said_before_a_small_shared_memory() -> None:
    small = Container("Docker", shared_memory=64 * MIB)
    disks = (replace(HEALTHY.disks[0], free=2**20),)  # type: ignore[index]
    finding = check_one("disk-space", replace(HEALTHY, container=small, disks=disks))
    assert finding.status is CheckStatus.FAIL
    assert "shm" not in finding.summary


def test_a_large_shared_memory_or_none_is_nothing_to_name() -> None:
    for size in (2**30, None):
        facts = replace(HEALTHY, container=Container("Docker", shared_memory=size))
        assert check_one("disk-space", facts).status is CheckStatus.OK


def test_a_container_that_can_not_be_read_is_unknown() -> None:
    facts = replace(HEALTHY, container=Unavailable("it can't be read"))
    assert check_one("disk-space", facts).status is CheckStatus.UNKNOWN
