"""Findings -> what to mend -> steps: the smallest set, in the documented order.

Nothing here reads or runs anything. What pip would really change is asked of pip
(`resolve`), and comes back in here as resolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.version import Version

from parakeet_cli.doctor.checks.integrity import CODE
from parakeet_cli.doctor.facts import Distribution, Facts, Unavailable
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.stack.requirement_strings import parse_requirement
from parakeet_cli.doctor.stack.stack import Stack, Stage

PROBE = "import-probe"
TORCH = "torch"
FAMILY = ("torchvision", "torchaudio")
TORCH_STAGE_IDS = frozenset({"torch-installed", "torch-arch", "cuda-driver", "gpu-probe"})
REMOVAL = 0  # the stage before the first: what is half there goes first


@dataclass(frozen=True, slots=True)
class Fix:
    """What is to be done about one finding beside its stages."""

    reinstall: frozenset[str] = frozenset()  # of the same version where that is known
    renew: frozenset[str] = frozenset()  # of any version the stack allows
    uninstall: Mapping[str, int] = field(default_factory=dict)  # how many times it is there
    remove: tuple[str, ...] = ()  # paths


@dataclass(frozen=True, slots=True)
class RepairGoal:
    """What a repair is to reach, before pip is asked what that takes."""

    stack: Stack
    stages: tuple[int, ...]
    fix: Fix = Fix()
    torch: bool = False  # torch itself is to be chosen anew
    family: tuple[str, ...] = ()
    reinstall: bool = False
    ids: frozenset[str] = frozenset()  # the findings it is meant to mend

    @property
    def empty(self) -> bool:
        return not self.stages and self.fix == Fix()


@dataclass(frozen=True, slots=True)
class Change:
    """One distribution's version before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None
    size: int | None = None  # bytes to download, where pip's source tells
    requires: tuple[str, ...] = ()
    sha256: str = ""
    url: str = ""

    def as_json(self) -> dict[str, str | None]:
        return {"name": self.name, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True)
class Run:
    """One pip run of a step: its verb and arguments, without sources and constraints."""

    verb: str
    arguments: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the plan: what is taken away, what pip runs, what that changes."""

    stage: int
    title: str
    commands: tuple[str, ...]  # as a person would type them
    changes: tuple[Change, ...] = ()
    runs: tuple[Run, ...] = ()
    remove: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "stage": self.stage,
            "title": self.title,
            "commands": list(self.commands),
            "changes": [change.as_json() for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and what they come to."""

    steps: tuple[Step, ...] = ()
    ids: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for step in self.steps for change in step.changes)

    def as_json(self) -> list[dict[str, object]]:
        return [step.as_json() for step in self.steps]


# Findings -> aim


def _broken(facts: Facts) -> Fix:
    names = {
        dist.name
        for dist in facts.distributions
        if dist.problem or any(path.endswith(CODE) or ".so." in path for path in dist.missing)
    }
    # pip can't uninstall what it can't read: its metadata goes, pip writes over the rest.
    unread = tuple(
        dist.info
        for dist in facts.distributions
        if _ours(facts, dist) and (dist.problem or not dist.has_record) and dist.name in names
    )
    return Fix(frozenset(names), remove=unread)


def _twice(facts: Facts) -> Fix:
    counts: dict[str, int] = {}
    for dist in facts.distributions:
        if _ours(facts, dist) and dist.info.endswith(".dist-info"):
            counts[dist.name] = counts.get(dist.name, 0) + 1
    double = {name: number for name, number in counts.items() if number > 1}
    left = tuple(leftover.path for leftover in facts.leftovers)
    return Fix(frozenset(double), uninstall=double, remove=left)


def _abi(facts: Facts) -> Fix:
    numpy = facts.installed("numpy")
    if isinstance(facts.binaries, Unavailable) or numpy is None or not numpy.version:
        return Fix()
    there = Version(numpy.version)
    broken = {
        abi.package
        for abi in facts.binaries.numpy
        if abi.package
        and (there.major >= 2 if abi.minimum is None else there < Version(abi.minimum))
    }
    return Fix(renew=frozenset(broken - {"numpy"}))


def _pkg_resources(facts: Facts) -> Fix:
    return Fix() if facts.pkg_resources else Fix(frozenset({"setuptools"}))


def _torch_mismatch(facts: Facts) -> Fix:
    dist = facts.installed(TORCH)
    if dist is None or isinstance(facts.torch, Unavailable) or facts.torch is None:
        return Fix()
    same = (dist.version or "").split("+")[0] == facts.torch.version.split("+")[0]
    return Fix() if same else Fix(frozenset({TORCH}))


# What a finding needs beside the packages of its stages.
FIXES: dict[str, Callable[[Facts], Fix]] = {
    "broken-dists": _broken,
    "duplicate-dists": _twice,
    "numpy-abi": _abi,
    "setuptools-pkg-resources": _pkg_resources,
    "torch-installed": _torch_mismatch,
}


def goal_of(
    findings: Iterable[Finding], facts: Facts, stack: Stack, *, reinstall: bool = False
) -> RepairGoal:
    """What a repair of these findings is to reach."""
    failing = [found for found in findings if not found.healthy and found.stages]
    plain = [found for found in failing if found.id != PROBE] or failing
    stages = {stage for found in plain for stage in found.stages}
    every = tuple(stage.number for stage in stack.stages)
    mends = [FIXES[found.id](facts) for found in failing if found.id in FIXES]
    numpy = stack.pin("numpy")
    there = facts.installed("numpy")
    held = numpy is None or (there is not None and numpy.allows(there.version))
    mend = Fix(
        frozenset().union(*(one.reinstall for one in mends)),
        # Where NumPy itself goes back, what was built for it is at home again.
        frozenset().union(*(one.renew for one in mends)) if held else frozenset(),
        {name: times for one in mends for name, times in one.uninstall.items()},
        tuple(dict.fromkeys(path for one in mends for path in one.remove)),
    )
    torch = reinstall or any(
        found.id in TORCH_STAGE_IDS and _stage_of(TORCH, stack) in found.stages for found in plain
    )
    torch = torch or (facts.installed(TORCH) is None and bool(stages))
    return RepairGoal(
        stack,
        every if reinstall else tuple(number for number in every if number in stages),
        Fix() if reinstall else mend,
        torch,
        tuple(name for name in FAMILY if facts.installed(name)) if torch else (),
        reinstall,
        frozenset(found.id for found in failing),
    )


def _ours(facts: Facts, dist: Distribution) -> bool:
    """Lies in the environment itself, not in what it inherits."""
    return dist.location.startswith(f"{facts.interpreter.prefix}/")


def _stage_of(name: str, stack: Stack) -> int:
    pin = stack.pin(name)
    return pin.stage if pin else stack.stages[-1].number


# RepairGoal -> requirements


def constraints(stack: Stack, facts: Facts) -> tuple[str, ...]:
    """Every pin of the stack as pip takes constraints: without extras. In place, the tool's
    own requirements too, or the repair would saw off the branch it sits on."""
    lines = [f"{pin.name}{pin.spec}" for pin in stack.pins]
    tool = facts.installed("parakeet-cli")
    for text in tool.requires if tool else ():
        requirement = parse_requirement(text)
        if requirement is not None and requirement.spec and not requirement.marker:
            lines.append(f"{requirement.name}{requirement.spec}")
    return tuple(line for line in lines if parse_requirement(line) and _bounded(line))


def _bounded(line: str) -> bool:
    requirement = parse_requirement(line)
    return requirement is not None and bool(requirement.spec)


def requirements(stage: Stage, goal: RepairGoal) -> tuple[str, ...]:
    """What this stage asks pip for, as its file has it."""
    own = tuple(pin.requirement.text for pin in stage.pins)
    return own + (goal.family if any(pin.name == TORCH for pin in stage.pins) else ())


def reinstalls(goal: RepairGoal, facts: Facts, changing: Iterable[str]) -> tuple[str, ...]:
    """What is installed over itself: in its own version where the stack allows that."""
    texts = []
    already = set(changing)
    for name in sorted((goal.fix.reinstall | goal.fix.renew) - already):
        pin = goal.stack.pin(name)
        dist = facts.installed(name)
        version = dist.version if dist and not dist.problem else None
        free = name in goal.fix.uninstall or name in goal.fix.renew
        if free or not version or (pin and not pin.allows(version)):
            texts.append(pin.requirement.text if pin else name)
        else:
            texts.append(f"{name}=={version}")
    return tuple(texts)


# Resolution -> steps


def assign_to_stages(
    goal: RepairGoal, changes: Iterable[Change], facts: Facts
) -> dict[int, tuple[Change, ...]]:
    """Each change to the first stage whose requirements lead to it, as pip will do it."""
    waiting = {change.name: change for change in changes}
    needs = {dist.name: dist.requires for dist in facts.distributions}
    needs |= {change.name: change.requires for change in waiting.values()}
    found: dict[int, tuple[Change, ...]] = {}
    for stage in goal.stack.stages:
        if stage.number not in goal.stages:
            continue
        names = [
            requirement.name
            for text in requirements(stage, goal)
            if (requirement := parse_requirement(text))
        ]
        reached = names if "--no-deps" in stage.flags else closure(names, needs)
        mine = [waiting.pop(name) for name in reached if name in waiting]
        if mine:
            found[stage.number] = tuple(mine)
    if waiting:
        last = goal.stages[-1] if goal.stages else goal.stack.stages[-1].number
        found[last] = (*found.get(last, ()), *waiting.values())
    return found


def closure(names: Iterable[str], needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    reached = dict.fromkeys(names)
    waiting = list(reached)
    while waiting:
        for text in needs.get(waiting.pop(), ()):
            requirement = parse_requirement(text)
            if (
                requirement
                and requirement.name not in reached
                and "extra" not in requirement.marker
            ):
                reached[requirement.name] = None
                waiting.append(requirement.name)
    return list(reached)
