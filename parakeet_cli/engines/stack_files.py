"""Whether an interpreter has a whole ML stack, told by the names of its folders.

The doctor looks far deeper, and takes its time over it; this answers in a few milliseconds
whether it is worth starting that interpreter at all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# One file for each stack, beside torch, whose version depends on the GPU.
_STACKS = ("requirements-ml.txt", "requirements-ml-nemo3.txt")
_METADATA = re.compile(r"(?P<name>[\w.]+?)-(?P<version>\d[\w.!+]*)\.dist-info")


def what_is_missing(python: str) -> str | None:
    """Why there is no whole stack, in a few words; None where there is one."""
    installed = _installed(python)
    if not installed:
        return "the ML interpreter's packages are not to be found"
    for name in ("nemo-toolkit", "torch"):
        if name not in installed:
            return f"{name} is not installed"
    problems = [_unmet(stack, installed) for stack in _STACKS]
    return min(problems, key=len)[0] if all(problems) else None


def _unmet(stack: str, installed: dict[str, str]) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    problems = []
    for line in _lines(stack):
        try:
            wanted = Requirement(line)
            found = installed.get(_normal(wanted.name))
            good = found is not None and wanted.specifier.contains(found, prereleases=True)
        except (InvalidRequirement, InvalidVersion):
            continue
        if not good:
            problems.append(f"the stack wants {wanted} and has {found or 'none'}")
    return problems


def _lines(name: str) -> Iterator[str]:
    """The requirements: in the wheel beside the package, in a checkout at its root."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "data" / name, package.parent / name):
        if place.is_file():
            for line in place.read_text(encoding="utf-8").splitlines():
                text = line.partition("#")[0].strip()
                if text and not text.startswith("-"):
                    yield text
            return


def _installed(python: str) -> dict[str, str]:
    """Each distribution in the interpreter's site-packages, with its version."""
    found: dict[str, str] = {}
    for site in _sites(python):
        for entry in site.iterdir():
            if match := _METADATA.fullmatch(entry.name):
                found.setdefault(_normal(match["name"]), match["version"])
    return found


def _sites(python: str) -> list[Path]:
    if python == sys.executable:
        places = [Path(place) for place in sys.path if place]
        return [one for one in places if one.name.endswith("-packages") and one.is_dir()]
    # Not resolved: a virtual environment's python is a link, and is found by its own path.
    prefix = Path(python).expanduser().absolute().parent.parent
    return [one for one in sorted(prefix.glob("lib/python3*/*-packages")) if one.is_dir()]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
