"""The container that the doctor runs in, as facts, and how each engine is told what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

DOCKER, PODMAN, APPTAINER, KUBERNETES = "Docker", "Podman", "Apptainer", "Kubernetes"


@dataclass(frozen=True, slots=True)
class Container:
    """What can be seen of a container from inside.

    `nodes` are those of /dev by which a process reaches a GPU. `asks_for_gpu` is whether the image
    or the command that started it asks NVIDIA's toolkit for one (NVIDIA_VISIBLE_DEVICES).
    """

    engine: str  # its name, or "" where only that it is a container is known
    rootless: bool = False
    nodes: tuple[str, ...] = ()
    shared_memory: int | None = None  # bytes of /dev/shm, used and free
    asks_for_gpu: bool = False


class HostSide(NamedTuple):
    """What to type on the host, for one container engine."""

    gpu: str  # that gives the container a GPU
    setup: str  # once, so that this works; "" if nothing is to be done
    shared_memory: str  # that makes /dev/shm larger
    compute: str  # that gives the container the driver's libcuda
    nodes: str = "sudo nvidia-modprobe -c 0 -u"  # that makes the GPU's device nodes


_CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
_NVIDIA_DOCKER = HostSide(
    gpu="docker run --gpus all ...",
    setup="sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
    shared_memory="docker run --shm-size=1g ... (compose.yaml: shm_size: 1gb)",
    compute="docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility ...",
)
HOST_SIDES: Mapping[str, HostSide] = {
    DOCKER: _NVIDIA_DOCKER,
    PODMAN: HostSide(
        gpu="podman run --device nvidia.com/gpu=all ...",
        setup=_CDI,
        shared_memory="podman run --shm-size=1g ...",
        compute=_CDI,
        nodes=f"sudo nvidia-modprobe -c 0 -u && {_CDI}",  # which names the nodes that are there
    ),
    APPTAINER: HostSide(
        gpu="apptainer exec --nv ...",
        setup="",
        shared_memory="sudo mount -o remount,size=1g /dev/shm",
        compute="apptainer exec --nv ...",
    ),
    KUBERNETES: HostSide(
        gpu="resources: {limits: {nvidia.com/gpu: 1}} in the pod's container",
        setup="NVIDIA's device plugin or GPU operator, for the cluster",
        shared_memory="an emptyDir with medium: Memory, mounted at /dev/shm",
        compute="NVIDIA_DRIVER_CAPABILITIES=compute,utility in the pod's env",
    ),
}


def host_side(container: Container) -> HostSide:
    """What to type on the host: Docker's, if the engine isn't known."""
    return HOST_SIDES.get(container.engine, _NVIDIA_DOCKER)
