"""Reads variables, free disk space and the model cache."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.doctor.facts import Disk, Interpreter, ModelCache

RELEVANT = re.compile(
    r"(PYTHON\w+|PIP_\w+|LD_LIBRARY_PATH|LD_PRELOAD|CUDA_\w+|HF_\w+|TRANSFORMERS_\w+"
    r"|NUMBA_\w+|TORCH_\w+|TMPDIR|CONDA_PREFIX|VIRTUAL_ENV|XDG_CACHE_HOME"
    r"|PARAKEET_\w+|PERSONALPARAKEET_\w+)$"
)
SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|KEY")
CREDENTIALS = re.compile(r"(\w+://)[^/@\s]+@")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
TRUE = {"1", "true", "yes", "on"}  # as huggingface_hub reads those two


def read_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that can change how a stack behaves, without passwords and tokens."""
    return {
        key: "(set)" if SECRET.search(key) else CREDENTIALS.sub(r"\1***@", value)
        for key, value in sorted(environment.items())
        if RELEVANT.match(key)
    }


def read_disks(interpreter: Interpreter, environment: Mapping[str, str]) -> tuple[Disk, ...]:
    """Free space where pip writes: the environment, the temporary folder and its cache."""
    home = environment.get("HOME") or "/"
    cache = environment.get("PIP_CACHE_DIR") or str(
        Path(environment.get("XDG_CACHE_HOME") or Path(home) / ".cache") / "pip"
    )
    places = {
        "the environment": interpreter.site_packages,
        "the temporary folder": environment.get("TMPDIR") or tempfile.gettempdir(),
        "pip's cache": cache,
    }
    return tuple(Disk(role, path, _free(Path(path))) for role, path in places.items())


def _free(path: Path) -> int:
    """Bytes a user may still write. For a folder that doesn't exist yet, those of its parent."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def read_model_cache(environment: Mapping[str, str]) -> ModelCache:
    """The Hugging Face cache: models with a complete snapshot, and damaged ones."""
    home = environment.get("HF_HOME") or str(
        Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/") / ".cache")
        / "huggingface"
    )
    folder = Path(environment.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    offline = next((v for v in OFFLINE if environment.get(v, "").lower() in TRUE), None)
    complete: list[str] = []
    damaged: list[str] = []
    try:
        entries = sorted(entry for entry in os.listdir(folder) if entry.startswith("models--"))  # noqa: PTH208
    except FileNotFoundError:
        entries = []
    for entry in entries:
        name = entry.removeprefix("models--").replace("--", "/")
        (complete if _is_complete(folder / entry) else damaged).append(name)
    return ModelCache(str(folder), offline, tuple(complete), tuple(damaged))


def _is_complete(model: Path) -> bool:
    """Whether the snapshot has files and no dangling link, and no download is unfinished."""
    files = [path for path in (model / "snapshots").glob("*/**/*") if not path.is_dir()]
    unfinished = list((model / "blobs").glob("*.incomplete"))
    return bool(files) and not unfinished and all(path.exists() for path in files)
