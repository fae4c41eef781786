"""Reads whether the doctor runs in a container, of which engine, and what of the host is in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from parakeet_cli.doctor.container import APPTAINER, DOCKER, KUBERNETES, PODMAN, Container
from parakeet_cli.system.regular_files import read_regular

# By which CUDA reaches a GPU: NVIDIA's own nodes, and that of WSL.
NODE = re.compile(r"nvidia\d+|nvidiactl|nvidia-uvm|dxg")
# What a first process's control group, or the mount of /, says of the engine.
TRACES = (
    (re.compile(r"kubepods"), KUBERNETES),
    (re.compile(r"libpod|containers/storage"), PODMAN),
    (re.compile(r"/docker[/-]"), DOCKER),
    (re.compile(r"containerd|/lxc/|machine\.slice/.*nspawn"), ""),
)
# The variable `container`, which systemd defines, and what its values mean.
NAMES = {"docker": DOCKER, "podman": PODMAN, "oci": ""}
NOTHING = {"", "void", "none"}  # https://github.com/NVIDIA/nvidia-container-toolkit

Test = Callable[[Mapping[str, str], Path], bool]
# The surest signs first.
_SIGNS: tuple[tuple[Test, str], ...] = (
    (lambda variables, root: "KUBERNETES_SERVICE_HOST" in variables, KUBERNETES),
    (
        lambda variables, root: (
            (root / ".singularity.d").is_dir()
            or bool({"APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"} & variables.keys())
        ),
        APPTAINER,
    ),
    (lambda variables, root: (root / "run/.containerenv").exists(), PODMAN),
    (lambda variables, root: (root / ".dockerenv").exists(), DOCKER),
)


def read_container(environment: Mapping[str, str], root: Path = Path("/")) -> Container | None:
    """The container that this process is in; None if nothing says that it is in one."""
    engine = _engine(environment, root)
    if engine is None:
        return None
    return Container(
        engine=engine,
        rootless="rootless=1" in _text(root / "run/.containerenv"),
        nodes=_nodes(root / "dev"),
        shared_memory=_size(root / "dev/shm"),
        asks_for_gpu=environment.get("NVIDIA_VISIBLE_DEVICES", "") not in NOTHING,
    )


def _engine(environment: Mapping[str, str], root: Path) -> str | None:
    """Its name, "" if only that it is a container is known, None if it is none."""
    for is_there, engine in _SIGNS:
        if is_there(environment, root):
            return engine
    traces = _text(root / "proc/1/cgroup") + _root_mount(root)
    for pattern, engine in TRACES:
        if pattern.search(traces):
            return engine
    named = environment.get("container", "")
    return NAMES.get(named, "") if named else None


def _root_mount(root: Path) -> str:
    """The line of / among the mounts."""
    lines = _text(root / "proc/self/mountinfo").splitlines()
    return next((line for line in lines if line.split(" ")[4:5] == ["/"]), "")


def _nodes(folder: Path) -> tuple[str, ...]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return ()
    return tuple(f"/dev/{name}" for name in sorted(names) if NODE.fullmatch(name))


def _size(folder: Path) -> int | None:
    if not hasattr(os, "statvfs"):  # Windows
        return None
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_blocks * status.f_frsize


def _text(path: Path) -> str:
    try:
        return read_regular(path).decode("utf-8", "replace")
    except OSError:
        return ""
