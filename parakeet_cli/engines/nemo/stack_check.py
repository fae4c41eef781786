"""Checks whether an interpreter has a whole ML stack, by the names of its folders.

The doctor looks far deeper and takes longer; this decides in a few milliseconds whether it is
worth starting that interpreter at all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.system.ml_versions import normalized_name, read_requirements, requirements_file
from parakeet_cli.system.regular_files import read_regular

# One file for each stack, beside torch, whose version depends on the GPU.
_STACKS = ("requirements-ml.txt", "requirements-ml-nemo3.txt")
_QUOTES = "'\""
_ASSIGNMENT = re.compile(r"^(cuda|__version__)(?:\s*:[^=\n]*)?\s*=\s*(\S+)", re.MULTILINE)
_METADATA = re.compile(r"(?P<name>[\w.]+?)-(?P<version>\d[\w.!+]*)\.dist-info")


def missing_from_stack(python: str) -> str | None:
    """Why the interpreter has no whole stack, in a few words; None if it has one."""
    installed = installed_versions(python)
    if not installed:
        return "the ML interpreter's packages can't be found"
    for name in ("nemo-toolkit", "torch"):
        if name not in installed:
            return f"{name} is not installed"
    problems = [list(_unmet_requirements(stack, installed)) for stack in _STACKS]
    return min(problems, key=len)[0] if all(problems) else None


def torch_without_cuda(python: str) -> str | None:
    """The interpreter's torch, "torch 2.13.0+cpu", if it is built without CUDA; else None."""
    for folder in _site_packages(python):
        try:
            text = read_regular(folder / "torch" / "version.py").decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        values = dict(_ASSIGNMENT.findall(text))
        if values.get("cuda") == "None":
            return f"torch {values.get('__version__', '').strip(_QUOTES)}".rstrip()
        return None
    return None


def _unmet_requirements(stack: str, installed: dict[str, str]) -> Iterator[str]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    for line in _requirement_lines(stack):
        try:
            requirement = Requirement(line)
            version = installed.get(normalized_name(requirement.name))
            met = version is not None and requirement.specifier.contains(version, prereleases=True)
        except (InvalidRequirement, InvalidVersion):
            continue
        if not met:
            yield f"the stack needs {requirement} and has {version or 'none'}"


def _requirement_lines(stack: str) -> list[str]:
    try:
        lines = read_requirements(requirements_file(stack))
        return [line.requirement for line in lines if line.requirement]
    except FileNotFoundError:
        return []


def installed_versions(python: str) -> dict[str, str]:
    """Each distribution in the interpreter's site-packages, by its normalized name."""
    versions: dict[str, str] = {}
    for folder in _site_packages(python):
        for entry in folder.iterdir():
            if match := _METADATA.fullmatch(entry.name):
                versions.setdefault(normalized_name(match["name"]), match["version"])
    return versions


def _site_packages(python: str) -> list[Path]:
    if python == sys.executable:
        folders = [Path(path) for path in sys.path if path]
        return [one for one in folders if one.name.endswith("-packages") and one.is_dir()]
    # Not resolved: a virtual environment's python is a link, and only its own path leads to
    # the environment.
    prefix = Path(python).expanduser().absolute().parent.parent
    return [one for one in sorted(prefix.glob("lib/python3*/*-packages")) if one.is_dir()]
