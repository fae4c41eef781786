"""Reads the GPUs, the driver and its CUDA from nvidia-smi, and where libcuda is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.doctor.facts import Gpus
from parakeet_cli.doctor.inspect.libraries import find_library
from parakeet_cli.system.hardware import list_gpus, list_parts, visible_indexes
from parakeet_cli.system.regular_files import read_regular

# "  MIG 1g.10gb     Device  0: (UUID: MIG-...)", below the line of its GPU
MIG_LINE = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+):")


def read_gpus(environment: Mapping[str, str], root: Path = Path("/")) -> Gpus:
    """The GPUs of this machine. No nvidia-smi on PATH means no GPU."""
    listed = list_gpus(environment, with_cuda=True)
    # Without nvidia-smi visible_indexes has nothing to choose from, and the rest is evidence still.
    indexes = visible_indexes(listed.gpus, environment)
    return Gpus(
        nvidia_smi=listed.path,
        devices=tuple(listed.gpus[index] for index in indexes),
        hidden=tuple(gpu for index, gpu in enumerate(listed.gpus) if index not in indexes),
        indexes=indexes,
        cuda=listed.cuda,
        problem=listed.problem,
        kernel_module=_first_line(root / "proc/driver/nvidia/version"),
        libcuda=tuple(find_library("libcuda.so.1", environment, root)),
        wsl="microsoft" in (_first_line(root / "proc/version") or "").lower(),
    )


def list_mig_instances(nvidia_smi: str | None) -> tuple[str, ...]:
    """The parts that a GPU is divided into ("1g.10gb, device 0"), without their ids."""
    if nvidia_smi is None:
        return ()
    found = map(MIG_LINE.match, list_parts(nvidia_smi).splitlines())
    return tuple(f"{match[1]}, device {match[2]}" for match in found if match)


def _first_line(path: Path) -> str | None:
    try:
        return read_regular(path).decode("utf-8", "replace").splitlines()[0]
    except (OSError, IndexError):
        return None
