"""Says what of the host is missing in the container that runs, and what to type on the host."""

from __future__ import annotations

from typing import NamedTuple

from parakeet_cli.doctor.container import DOCKER, Container, host_side
from parakeet_cli.doctor.facts import Facts, Gpus, TorchBuild, require
from parakeet_cli.doctor.findings import join_lines

# Docker's and Kubernetes' /dev/shm has 64 MiB. NCCL, torch's DataLoader and Ray's object store
# pass data through it; parakeet's own processes pass samples through files in memory.
SHARED_MEMORY_LOW = 1 << 30
TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
LOST_NODES = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/48"


# The driver of WSL is that of Windows; a Linux driver that is installed in WSL hides it.
DRIVER_OF_WSL = "On Windows, never in WSL: install NVIDIA's current driver, then: wsl --shutdown"


class Missing(NamedTuple):
    """What a container lacks, what to type on the host, and where that is described."""

    summary: str
    remedy: str
    source: str = TOOLKIT


class SmallSharedMemory(NamedTuple):
    """A /dev/shm that is too small, as a finding has it."""

    summary: str
    why: str
    detail: str
    remedy: str
    source: str


def container_of(facts: Facts, gpus: Gpus) -> Container | None:
    """The container, where something in it comes from a host with an NVIDIA driver, or asks for it.

    /proc/driver/nvidia is the host's in every container, whether it was given a GPU or not.
    """
    container = require(facts.container)
    if container is None:
        return None
    traces = (gpus.kernel_module, gpus.wsl, container.nodes, container.asks_for_gpu)
    return container if any(traces) else None


def on_host(facts: Facts, gpus: Gpus, remedy: str) -> str:
    """The remedy, said of the host: a container has the host's driver, and WSL that of Windows."""
    if gpus.wsl:
        return f"On Windows, never in WSL: {remedy.replace('then restart', 'then: wsl --shutdown')}"
    if container_of(facts, gpus) is None:
        return remedy
    return f"On the host, since a container uses the host's driver: {remedy}"


def not_given(facts: Facts, gpus: Gpus) -> Missing | None:
    """Why there is no nvidia-smi in a container whose torch is for CUDA; None elsewhere."""
    container, build = container_of(facts, gpus), facts.torch
    if container is None or not isinstance(build, TorchBuild) or build.cuda is None:
        return None
    side = host_side(container)
    if container.nodes and not gpus.wsl:
        return Missing(
            "this container has a GPU's device nodes, but not nvidia-smi: the doctor can't "
            "examine the GPU",
            f"On the host: {side.compute}",
        )
    if gpus.wsl:
        summary = (
            "this container was given no GPU: no nvidia-smi. Its kernel is that of WSL, where the "
            "driver is Windows' own"
        )
        first = f"{DRIVER_OF_WSL}. nvidia-smi must work in WSL."
    elif gpus.kernel_module:
        summary = (
            "the host has an NVIDIA driver, but this container was given no GPU: no nvidia-smi"
        )
        first = ""
    else:
        summary = "this container asks for a GPU, but the host has no NVIDIA driver that runs"
        first = "On the host: install NVIDIA's driver (nvidia-smi must work there) and its toolkit."
    return Missing(summary, join_lines([first, *_give(container, wsl=gpus.wsl)]))


def _give(container: Container, *, wsl: bool) -> list[str]:
    """The lines that say how the container gets a GPU."""
    side = host_side(container)
    where = "In WSL" if wsl else "On the host"
    if wsl and container.engine == DOCKER:
        where = "In WSL (Docker Desktop needs nothing)"
    lines = [f"{where}, once: {side.setup}"] if side.setup else []
    return [*lines, f"Then start the container with: {side.gpu}"]


def lacking(facts: Facts, gpus: Gpus) -> Missing | None:
    """What CUDA needs beside a GPU that nvidia-smi lists: libcuda, and the device nodes."""
    container = container_of(facts, gpus)
    if container is None:
        return None
    side = host_side(container)
    if not gpus.libcuda:
        return Missing(
            "libcuda.so.1 is not in this container: torch finds no GPU, although nvidia-smi does",
            f"On the host, start it with the driver's part `compute`: {side.compute}",
        )
    missing = _missing_nodes(facts, gpus, container)
    if not missing:
        return None
    again = [] if gpus.wsl else [f"On the host: {side.nodes}"]
    return Missing(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in this container: "
        "CUDA can't reach the GPU, although nvidia-smi lists it",
        join_lines([*again, f"Then start the container again with: {side.gpu}"]),
    )


def _missing_nodes(facts: Facts, gpus: Gpus, container: Container) -> list[str]:
    """The device nodes that CUDA opens, as far as they are missing."""
    if gpus.wsl:
        return [] if "/dev/dxg" in container.nodes else ["/dev/dxg"]
    if "aarch64" in facts.platform:  # a Jetson has others
        return []
    missing = [
        node for node in ("/dev/nvidiactl", "/dev/nvidia-uvm") if node not in container.nodes
    ]
    if not any(node.removeprefix("/dev/nvidia").isdigit() for node in container.nodes):
        missing.insert(0, "/dev/nvidia0")
    return missing


def why_nvidia_smi_fails(facts: Facts, gpus: Gpus) -> Missing | None:
    """What the message of nvidia-smi means in a container, if it means something else there."""
    container = container_of(facts, gpus)
    if container is None:
        return None
    side, said = host_side(container), gpus.problem.lower()
    if "unknown error" in said:
        return Missing(
            "the container has lost the GPU's device nodes, as it does when the host's systemd "
            "reloads its units",
            "Start the container again. So that it doesn't happen again, give it the nodes by CDI "
            "(--device nvidia.com/gpu=all), or let Docker use the cgroup driver cgroupfs.",
            LOST_NODES,
        )
    if "libnvidia-ml" in said:
        return Missing(
            "the container has nvidia-smi, but not the driver's libraries",
            join_lines(_give(container, wsl=gpus.wsl)),
        )
    if "permission" in said:
        return Missing(
            "this user may not open the GPU's device nodes",
            f"Give it the group that owns them (ls -l /dev/nvidia*): --group-add, or {side.gpu}",
        )
    if "no devices were found" in said and not gpus.wsl and not container.nodes:
        return Missing(
            "the container has nvidia-smi, but no GPU's device nodes",
            join_lines(_give(container, wsl=gpus.wsl)),
        )
    return None


def small_shared_memory(facts: Facts) -> SmallSharedMemory | None:
    """A /dev/shm in which torch's and Ray's processes can't pass data; None outside containers."""
    container = require(facts.container)
    if container is None or container.shared_memory is None:
        return None
    if container.shared_memory >= SHARED_MEMORY_LOW:
        return None
    size = container.shared_memory / 2**20
    return SmallSharedMemory(
        f"/dev/shm has {size:.0f} MiB in this container: NCCL, torch's DataLoader and Ray can end "
        "with 'Bus error'",
        "Processes pass data to each other there: a full /dev/shm ends them with SIGBUS.",
        f"/dev/shm: {container.shared_memory} bytes",
        f"On the host: {host_side(container).shared_memory}",
        "https://docs.docker.com/reference/cli/docker/container/run/",
    )
