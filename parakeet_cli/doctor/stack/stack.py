"""Reads what each stack requires from the requirements files and policy.toml.

The requirements files contain every version and the order (`# stage N: title`). The table
beside this module contains what they can't: flags, reasons, links, and which of NeMo's own
requirements are needed. This module contains no version.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.stack.requirement_strings import Requirement, allows, parse_requirement
from parakeet_cli.errors import ParakeetError, UsageError
from parakeet_cli.system.ml_versions import (
    normalized_name,
    read_requirements,
    requirements_file,
)

NEMO = "nemo-toolkit"
TORCH_FAMILY = ("torchvision", "torchaudio")  # each release is built for one of torch
_INDEX_LINE = re.compile(r"^--index-url[ =]+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a distribution is pinned, what that costs, and a link that shows it."""

    why: str = ""
    impact: str = ""
    link: str = ""
    id: str = ""  # the check that reports it; "" means nemo-requirements


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a requirements file and the stage it belongs to."""

    requirement: Requirement
    stage: int
    file: str
    advice: Advice = Advice()

    @property
    def name(self) -> str:
        return self.requirement.name

    @property
    def spec(self) -> str:
        return self.requirement.spec

    def allows(self, version: str | None) -> bool:
        return bool(version) and allows(self.spec, version)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the documented order. `flags` are pip's options for this step."""

    number: int
    title: str
    pins: tuple[Pin, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advisory:
    """A published vulnerability of a range of versions, and what protects from it."""

    package: str
    affected: str
    title: str
    ids: tuple[str, ...]
    protects: str
    link: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: its stages in order, and the rules that the checks apply."""

    name: str
    title: str
    stages: tuple[Stage, ...]
    python: str = ""
    python_why: str = ""
    same_release: tuple[str, ...] = ()  # distributions that must have the same version
    pkg_resources: bool = False  # whether the stack imports that module
    unneeded: Mapping[str, str] = field(default_factory=dict)  # by NeMo: name -> reason
    advisories: tuple[Advisory, ...] = ()
    files: tuple[Path, ...] = ()
    other_pins: Mapping[str, Pin] = field(default_factory=dict)  # pins of other stacks only

    @property
    def pins(self) -> tuple[Pin, ...]:
        return tuple(pin for stage in self.stages for pin in stage.pins)

    def pin(self, name: str) -> Pin | None:
        """The pin of the distribution with this normalized name."""
        return next((pin for pin in self.pins if pin.name == name), None)

    @property
    def nemo(self) -> Pin:
        pin = self.pin(NEMO)
        if pin is None:
            raise ParakeetError(f"Stack {self.name} doesn't contain {NEMO}.")
        return pin

    @property
    def torch_index(self) -> str:
        """The index of torch's CUDA builds, from the requirements files."""
        for file in self.files:
            if match := _INDEX_LINE.search(file.read_text("utf-8")):
                return match[1]
        raise ParakeetError("requirements-torch.txt contains no --index-url.")

    def torch_index_of(self, build: str) -> str:
        """The index of another build, such as cu130, cpu or nightly/cu128."""
        return f"{self.torch_index.rpartition('/')[0]}/{build}"


def stack_names() -> tuple[str, ...]:
    """The names of all stacks, the default first."""
    table = _policy()
    default = table["default_stack"]
    return (default, *(name for name in table["stacks"] if name != default))


@cache
def load_stack(name: str) -> Stack:
    """The stack of that name. Raises UsageError if there is none."""
    if name not in stack_names():
        raise UsageError(
            f"There is no stack {name}.", hint=f"Use one of: {', '.join(stack_names())}."
        )
    own = _read_stack(name)
    other_pins: dict[str, Pin] = {}
    for other in stack_names():
        for pin in _read_stack(other).pins:
            if own.pin(pin.name) is None:
                other_pins.setdefault(pin.name, pin)
    return replace(own, other_pins=other_pins)


def choose_stack(nemo_version: str | None, requested: str | None) -> Stack:
    """The stack of the installed NeMo, else the requested one, else the default."""
    if nemo_version:
        for name in stack_names():
            if _read_stack(name).nemo.allows(nemo_version):
                return load_stack(name)
    return load_stack(requested or stack_names()[0])


# Reading


@cache
def _policy() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "policy.toml").read_text("utf-8"))


def _requirements_file(name: str) -> Path:
    try:
        return requirements_file(name)
    except FileNotFoundError:
        raise ParakeetError(
            f"{name} is missing. It contains the versions of the ML stack.",
            hint="Reinstall parakeet-cli; in a checkout, restore the file with git.",
        ) from None


@cache
def _read_stack(name: str) -> Stack:
    """The stack of that name, without the pins of other stacks."""
    policy = _policy()
    entry = policy["stacks"][name]
    files = tuple(_requirements_file(file) for file in entry["files"])
    return Stack(
        name=name,
        title=entry["title"],
        stages=_read_stages(
            files, _read_advice(policy, entry), frozenset(entry.get("no_deps_stages", ()))
        ),
        python=entry["python"],
        python_why=entry["python_why"],
        same_release=tuple(entry["same_release"]),
        pkg_resources=entry["pkg_resources"],
        unneeded={normalized_name(key): why for key, why in entry.get("unneeded", {}).items()},
        advisories=tuple(
            Advisory(**{**row, "ids": tuple(row["ids"])}) for row in policy["advisories"]
        ),
        files=files,
    )


def _read_advice(policy: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Advice]:
    """The advice by distribution; what the stack's own entry contains replaces the general."""
    fields = {normalized_name(key): dict(value) for key, value in policy["advice"].items()}
    for key, value in entry.get("advice", {}).items():
        fields.setdefault(normalized_name(key), {}).update(value)
    return {name: Advice(**values) for name, values in fields.items()}


def _read_stages(
    files: tuple[Path, ...], advice: Mapping[str, Advice], no_deps: frozenset[int]
) -> tuple[Stage, ...]:
    titles: dict[int, str] = {}
    pins: dict[int, list[Pin]] = {}
    for file in files:
        for stage, title, requirement in _read_pins(file):
            # Two files may have the heading of a stage: the first one (torch's) counts.
            titles.setdefault(stage, title)
            stage_pins = pins.setdefault(stage, [])
            if requirement is not None:
                reason = advice.get(requirement.name, Advice())
                stage_pins.append(Pin(requirement, stage, file.name, reason))
    return tuple(
        Stage(
            number, titles[number], tuple(stage_pins), ("--no-deps",) if number in no_deps else ()
        )
        for number, stage_pins in sorted(pins.items())
    )


def _read_pins(file: Path) -> Iterator[tuple[int, str, Requirement | None]]:
    """(stage, title, requirement) for each requirement, and for each heading with None.

    Raises ParakeetError for a line that isn't a requirement or comes before the first heading.
    """
    for line in read_requirements(file):
        if not line.requirement:
            yield line.stage, line.title, None
            continue
        requirement = parse_requirement(line.requirement)
        if requirement is None:
            raise ParakeetError(
                f"{file}, line {line.number}: {line.requirement!r} isn't a requirement."
            )
        if line.stage == 0:
            raise ParakeetError(
                f"{file}, line {line.number}: {line.requirement!r} comes before the first "
                "'# stage N: title'."
            )
        yield line.stage, line.title, requirement
