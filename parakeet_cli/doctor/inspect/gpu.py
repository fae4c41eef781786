"""GPUs, driver and CUDA as nvidia-smi tells them; libcuda as the loader would find it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.doctor.facts import GpuDevice, Gpus
from parakeet_cli.doctor.inspect.libraries import candidates

QUERY = ["--query-gpu=name,compute_cap,driver_version,memory.total", "--format=csv,noheader"]
SMI_SECONDS = 15.0
CUDA_VERSION = re.compile(r"CUDA Version:\s*([0-9]+\.[0-9]+)")


def read(environment: Mapping[str, str], root: Path = Path("/")) -> Gpus:
    """The GPUs of this machine. No nvidia-smi on PATH means no GPU."""
    smi = _which("nvidia-smi", environment)
    if smi is None:
        return Gpus()
    # Both at once: each takes as long as the driver needs to wake the device.
    queries = [_start([smi, *QUERY], environment), _start([smi], environment)]
    (listing, problem), (overview, _) = (_finish(query) for query in queries)
    devices: list[GpuDevice] = []
    for line in listing.splitlines():
        fields = [part.strip() for part in line.split(",")]
        if len(fields) == 4 and re.fullmatch(r"\d+\.\d+", fields[1]):
            devices.append(GpuDevice(*fields))
        elif line.strip() and not problem:
            problem = line.strip()
    cuda = CUDA_VERSION.search(overview)
    kernel = root / "proc/driver/nvidia/version"
    return Gpus(
        nvidia_smi=smi,
        devices=tuple(devices),
        cuda=cuda[1] if cuda else None,
        problem="" if devices else problem or "nvidia-smi lists no device",
        kernel_module=_first_line(kernel),
        libcuda=tuple(candidates("libcuda.so.1", environment, root)),
        wsl="microsoft" in (_first_line(root / "proc/version") or "").lower(),
    )


def _which(name: str, environment: Mapping[str, str]) -> str | None:
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder or ".") / name
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
        )
    except OSError as error:
        return error


def _finish(process: subprocess.Popen[str] | OSError) -> tuple[str, str]:
    """(output, problem)."""
    if isinstance(process, OSError):
        return "", f"nvidia-smi can't be started: {process.strerror or process}"
    try:
        output, _ = process.communicate(timeout=SMI_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "", f"nvidia-smi did not answer within {SMI_SECONDS:.0f} seconds"
    if process.returncode != 0:
        said = " ".join(output.split())
        return "", said or f"nvidia-smi ended with status {process.returncode}"
    return output, ""


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").splitlines()[0]
    except (OSError, IndexError):
        return None
