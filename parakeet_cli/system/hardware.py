"""The cores and the memory this process may use, and the GPUs that nvidia-smi lists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

from parakeet_cli.system.processes import exit_in_words, signal_group

_QUERY = ("--query-gpu=name,compute_cap,driver_version,memory.total", "--format=csv,noheader")
_SECONDS = 15.0  # for nvidia-smi: a driver that sleeps takes one or two to wake
_MEMORY_UNKNOWN = 4 << 30  # bytes, for a system that only its own interface can be asked
_SECONDS_TO_DIE = 1.0
_CUDA_VERSION = re.compile(r"CUDA Version:\s*([0-9]+\.[0-9]+)")
_MIG = "MIG-"  # the ids of parts of GPUs, by NVIDIA's multi-instance GPU guide
_CAPABILITY = re.compile(r"\d+\.\d+")
_UUID = re.compile(r"^(\s*)(GPU|MIG) .*\(UUID: (\S+)\)", re.MULTILINE)  # of `nvidia-smi -L`


def usable_cores() -> int:
    """The processor cores this process was given."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Bytes that can be used without swapping.

    Half of all memory where only that is known, and 4 GB on Windows.
    """
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # another system: the line below
    if not hasattr(os, "sysconf"):  # Windows
        return _MEMORY_UNKNOWN
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def memory_kills() -> int:
    """How many processes the system has killed because memory was used up; 0 if it doesn't say."""
    try:
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass  # another system
    return 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi lists it."""

    name: str
    capability: str  # compute capability, "12.0"
    driver: str  # "570.86.10"
    memory: str  # "32607 MiB"

    @property
    def sm(self) -> str:
        """Its architecture as torch lists it, "sm_120"."""
        return "sm_" + self.capability.replace(".", "")

    @property
    def numbers(self) -> tuple[int, int]:
        """Its compute capability as numbers that can be compared, (12, 0)."""
        major, _, minor = self.capability.partition(".")
        return int(major), int(minor)


@dataclass(frozen=True, slots=True)
class GpuList:
    """What nvidia-smi said. `path` is None where there is none on PATH: no GPU."""

    path: str | None = None
    gpus: tuple[Gpu, ...] = ()
    cuda: str | None = None  # the newest CUDA that the driver serves; None unless asked for
    problem: str = ""  # why no GPU is listed, in nvidia-smi's words or ours


def list_gpus(environment: Mapping[str, str] = os.environ, *, with_cuda: bool = False) -> GpuList:
    """Ask nvidia-smi, for at most 15 seconds; `with_cuda` also asks for the driver's CUDA."""
    path = find_program("nvidia-smi", environment)
    if path is None:
        return GpuList()
    # Both at once: each takes as long as the driver needs to wake the device.
    queries = [_start([path, *_QUERY], environment)]
    if with_cuda:
        queries.append(_start([path], environment))
    deadline = time.monotonic() + _SECONDS
    (listing, problem), *overview = (_finish(query, deadline) for query in queries)
    gpus: list[Gpu] = []
    for line in listing.splitlines():
        fields = [part.strip() for part in line.split(",")]
        if len(fields) == 4 and _CAPABILITY.fullmatch(fields[1]):
            gpus.append(Gpu(*fields))
        elif line.strip() and not problem:
            problem = line.strip()
    cuda = _CUDA_VERSION.search(overview[0][0]) if overview else None
    return GpuList(
        path=path,
        gpus=tuple(gpus),
        cuda=cuda[1] if cuda else None,
        problem="" if gpus else problem or "nvidia-smi lists no device",
    )


def visible_indexes(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> tuple[int, ...]:
    """Which of these GPUs, as nvidia-smi counts them, CUDA_VISIBLE_DEVICES leaves visible.

    It takes indices and UUIDs (or their beginnings), a MIG device's among them; what follows
    the first that names no device is hidden too, and an empty value hides all. CUDA counts
    the fastest GPU first, which is taken to be the one of the newest architecture, unless
    CUDA_DEVICE_ORDER=PCI_BUS_ID has it count as nvidia-smi does.
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
    """
    order = list(range(len(gpus)))
    value = environment.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return tuple(order)
    if environment.get("CUDA_DEVICE_ORDER", "").strip().upper() != "PCI_BUS_ID":
        order.sort(key=lambda index: gpus[index].numbers, reverse=True)
    names = [name.strip() for name in value.split(",")]
    by_name = bool(gpus) and any(name.startswith(("GPU-", "MIG-")) for name in names)
    uuids = _uuids(environment) if by_name else {}
    visible: list[int] = []
    for name in names:
        if name.isdigit():
            index = order[int(name)] if int(name) < len(order) else None
        elif by_name and not uuids:
            return tuple(order)  # nvidia-smi doesn't say which these are: hide none
        else:
            index = next((at for uuid, at in uuids.items() if name and uuid.startswith(name)), None)
        if index is None or index >= len(gpus):
            break
        if index not in visible:
            visible.append(index)
    return tuple(visible)


def _uuids(environment: Mapping[str, str]) -> dict[str, int]:
    """UUID -> the index of its GPU, for GPUs and the MIG devices on them."""
    path = find_program("nvidia-smi", environment)
    if path is None:
        return {}
    listing = list_parts(path, environment)
    found: dict[str, int] = {}
    index = -1
    for match in _UUID.finditer(listing):
        index += match[2] == "GPU"
        found[match[3]] = index
        if match[2] == "GPU":
            found[f"MIG-{match[3]}"] = index  # as drivers before 470 name a MIG device
    return found


def list_parts(path: str, environment: Mapping[str, str] = os.environ) -> str:
    """What `nvidia-smi -L` prints: each GPU with its UUID, and its MIG devices; "" if it fails."""
    deadline = time.monotonic() + _SECONDS
    listing, _ = _finish(_start([path, "-L"], environment), deadline)
    return listing


def visible_gpus() -> tuple[str, ...]:
    """`cuda:0` and so on for each GPU this process may use; the ids of parts of GPUs (MIG).

    CUDA_VISIBLE_DEVICES decides where it is set, nvidia-smi elsewhere. CUDA shows a process
    only the first part of a GPU that the variable names, so several are only for several
    processes, each with the variable set to its own.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        count = len(list_gpus().gpus)
    else:
        named = _named(visible)
        if named and named[0].startswith(_MIG):
            return tuple(one for one in named if one.startswith(_MIG))
        count = len(named)
    return tuple(f"cuda:{number}" for number in range(count))


def _named(visible: str) -> list[str]:
    """The devices that a CUDA_VISIBLE_DEVICES names: CUDA ignores what follows -1."""
    names = [one.strip() for one in visible.split(",")]
    return list(takewhile(lambda name: name not in ("", "-1"), names))


def visible_device(gpu: str) -> tuple[str, dict[str, str]]:
    """For one of `visible_gpus`: the device's name in a process, and what its environment needs."""
    return ("cuda:0", {"CUDA_VISIBLE_DEVICES": gpu}) if gpu.startswith(_MIG) else (gpu, {})


def has_gpu() -> bool:
    """Whether nvidia-smi lists a GPU that CUDA_VISIBLE_DEVICES does not hide."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    path = find_program("nvidia-smi", os.environ)
    return path is not None and _lists_a_gpu(path)


@cache  # choosing and starting an engine both ask, and a sleeping driver takes seconds to wake
def _lists_a_gpu(path: str) -> bool:  # the cache's key
    return bool(list_gpus().gpus)


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """The executable of that name on the environment's PATH."""
    names = (name, f"{name}.exe") if sys.platform == "win32" else (name,)
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        for path in (Path(folder or ".") / file for file in names):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str] | OSError:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,  # so that what it starts can be ended with it
        )
    except OSError as error:
        return error


def _finish(process: subprocess.Popen[str] | OSError, deadline: float) -> tuple[str, str]:
    """(output, problem). At the deadline, in seconds of the monotonic clock, it is ended."""
    if isinstance(process, OSError):
        return "", f"nvidia-smi can't be started: {process.strerror or process}"
    try:
        output, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _abandon(process)
        return "", f"nvidia-smi did not answer within {_SECONDS:.0f} seconds"
    if process.returncode != 0:
        said = " ".join(output.split())
        return "", said or f"nvidia-smi {exit_in_words(process.returncode)}"
    return output, ""


def _abandon(process: subprocess.Popen[str]) -> None:
    """Kill it and all that it started, without waiting for what can't be killed.

    A process that waits for a driver in the kernel ends only when that answers, and a child in
    a session of its own may hold the pipe open: neither is waited for.
    """
    signal_group(process, "SIGKILL")
    with suppress(subprocess.TimeoutExpired):
        process.wait(_SECONDS_TO_DIE)
    if process.stdout is not None:
        process.stdout.close()
