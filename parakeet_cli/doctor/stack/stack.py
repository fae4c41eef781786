"""The policy: what each stack wants, read from the requirements files and policy.toml.

The requirements files hold every version and the order (`# stage N: title`); the table
beside this module holds what they can't: flags, reasons, links, what is needed of NeMo's
own list. Nothing here knows a version.
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
from parakeet_cli.system.ml_versions import normalized_name

STAGE_LINE = re.compile(r"#\s*stage\s+(\d+)\s*:\s*(.*)", re.IGNORECASE)
NEMO = "nemo-toolkit"


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a distribution is held where it is, what that costs, where it says so."""

    why: str = ""
    impact: str = ""
    link: str = ""
    id: str = ""  # the check that reports it; "" is nemo-requirements


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a requirements file, in its stage."""

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
    """One step of the documented order. `flags` are pip's, for this step."""

    number: int
    title: str
    pins: tuple[Pin, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advisory:
    """A published weakness of a range of versions, and what protects from it."""

    package: str
    affected: str
    title: str
    ids: tuple[str, ...]
    protects: str
    link: str


@dataclass(frozen=True, slots=True)
class Drivers:
    """The oldest driver series that serves a CUDA major, or knows a capability."""

    cuda: Mapping[str, str] = field(default_factory=dict)
    capability: Mapping[str, str] = field(default_factory=dict)
    link: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: its stages in order, and what the checks need to judge by it."""

    name: str
    title: str
    stages: tuple[Stage, ...]
    python: str = ""
    python_why: str = ""
    equal: tuple[str, ...] = ()  # distributions that must be one release
    pkg_resources: bool = False  # the stack imports that module
    unneeded: Mapping[str, str] = field(default_factory=dict)
    advisories: tuple[Advisory, ...] = ()
    drivers: Drivers = Drivers()
    document: str = ""
    files: tuple[Path, ...] = ()
    elsewhere: Mapping[str, Pin] = field(default_factory=dict)  # pins only other stacks have

    @property
    def pins(self) -> tuple[Pin, ...]:
        return tuple(pin for stage in self.stages for pin in stage.pins)

    def pin(self, name: str) -> Pin | None:
        """The requirement of a distribution by its normalised name."""
        return next((pin for pin in self.pins if pin.name == name), None)

    @property
    def nemo(self) -> Pin:
        pin = self.pin(NEMO)
        if pin is None:
            raise ParakeetError(f"Stack {self.name} names no {NEMO}.")
        return pin

    @property
    def torch_index(self) -> str:
        """The index of torch's builds for CUDA, as the requirements files name it."""
        for file in self.files:
            if match := _INDEX_LINE.search(file.read_text("utf-8")):
                return match[1]
        raise ParakeetError("requirements-torch.txt names no index.")

    def torch_index_of(self, build: str) -> str:
        """The same index for another build, such as cu130, cpu or nightly/cu128."""
        return f"{self.torch_index.rpartition('/')[0]}/{build}"


def stack_names() -> tuple[str, ...]:
    """Every stack there is, the default first."""
    table = _table()
    default = table["default_stack"]
    return (default, *(name for name in table["stacks"] if name != default))


_INDEX_LINE = re.compile(r"^--index-url[ =]+(\S+)", re.MULTILINE)


@cache
def load_stack(name: str) -> Stack:
    """The stack of that name. Raises UsageError where there is none."""
    if name not in stack_names():
        raise UsageError(
            f"There is no stack {name}.", hint=f"Take one of: {', '.join(stack_names())}."
        )
    own = _bare(name)
    others = (pin for other in stack_names() if other != name for pin in _bare(other).pins)
    elsewhere: dict[str, Pin] = {}
    for pin in others:
        if own.pin(pin.name) is None:
            elsewhere.setdefault(pin.name, pin)
    return replace(own, elsewhere=elsewhere)


def choose_stack(nemo_version: str | None, asked: str | None) -> Stack:
    """The stack whose NeMo the environment holds, else the asked one, else the default."""
    if nemo_version:
        for name in stack_names():
            if _bare(name).nemo.allows(nemo_version):
                return load_stack(name)
    return load_stack(asked or stack_names()[0])


# Reading


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "policy.toml").read_text("utf-8"))


def data_file(name: str) -> Path:
    """A file of versions: in the wheel beside the package, in a checkout at its root."""
    package = Path(__file__).resolve().parents[2]
    places = (package / "data" / name, package.parent / name)
    for place in places:
        if place.is_file():
            return place
    raise ParakeetError(
        f"{name} is missing: it holds the versions of the ML stack.",
        hint="Reinstall parakeet-cli; in a checkout, restore the file with git.",
    )


@cache
def _bare(name: str) -> Stack:
    table = _table()
    entry = table["stacks"][name]
    files = tuple(data_file(file) for file in entry["files"])
    advice = {normalized_name(key): dict(value) for key, value in table["advice"].items()}
    for key, value in entry.get("advice", {}).items():
        advice.setdefault(normalized_name(key), {}).update(value)
    titles: dict[int, str] = {}
    pins: dict[int, list[Pin]] = {}
    for file in files:
        for stage, title, requirement in _lines(file):
            # The stage's own file names it; where two do, the first (torch's) is it.
            titles.setdefault(stage, title)
            slot = pins.setdefault(stage, [])
            if requirement is not None:
                reason = Advice(**advice.get(requirement.name, {}))
                slot.append(Pin(requirement, stage, file.name, reason))
    flagged = set(entry.get("no_deps_stages", ()))
    return Stack(
        name=name,
        title=entry["title"],
        stages=tuple(
            Stage(number, titles[number], tuple(held), ("--no-deps",) if number in flagged else ())
            for number, held in sorted(pins.items())
        ),
        python=entry["python"],
        python_why=entry["python_why"],
        equal=tuple(entry["equal"]),
        pkg_resources=entry["pkg_resources"],
        unneeded={normalized_name(key): why for key, why in entry.get("unneeded", {}).items()},
        advisories=tuple(
            Advisory(**{**row, "ids": tuple(row["ids"])}) for row in table["advisories"]
        ),
        drivers=Drivers(**table["drivers"]),
        document=table["document"],
        files=files,
    )


def _lines(file: Path) -> Iterator[tuple[int, str, Requirement | None]]:
    """(stage, title, requirement) for each stage line (None) and each requirement line."""
    stage, title = 0, ""
    for number, raw in enumerate(file.read_text("utf-8").splitlines(), start=1):
        heading = STAGE_LINE.match(raw.strip())
        if heading:
            stage = int(heading[1])
            title = re.sub(r"\s*\(requirements-[\w.-]+\)$", "", heading[2].strip())
            yield stage, title, None
            continue
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line or line.startswith("-"):
            continue  # a blank, a comment, or one of pip's own options
        requirement = parse_requirement(line)
        if requirement is None:
            raise ParakeetError(f"{file}, line {number}: {line!r} is no requirement.")
        if stage == 0:
            raise ParakeetError(
                f"{file}, line {number}: {line!r} stands before the first '# stage N: title'."
            )
        yield stage, title, requirement
