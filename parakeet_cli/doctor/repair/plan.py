"""The plan of a repair: steps in the documented order, and the requirements they are made of.

Nothing here reads or runs anything. What pip would really change is asked of pip
(`resolve`) and made into steps (`steps`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.version import Version

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.goal import TORCH, RepairGoal
from parakeet_cli.doctor.stack.requirement_strings import parse_requirement
from parakeet_cli.doctor.stack.stack import Stack, Stage

REMOVAL = 0  # the stage before the first: what is broken or installed twice is removed first
_LISTED = 6  # changes that a summary names one by one


@dataclass(frozen=True, slots=True)
class Change:
    """One distribution's version before and after; None if it isn't there."""

    name: str
    before: str | None
    after: str | None
    size: int | None = None  # bytes to download; None if the server doesn't say
    requires: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()  # SHA-256: its file has one of them
    url: str = ""

    @property
    def pinned(self) -> str:
        return f"{self.name}=={self.after}"

    @property
    def with_hashes(self) -> str:
        """The pin and its sums, as a line of a requirements file."""
        return " ".join([self.pinned, *(f"--hash=sha256:{one}" for one in self.hashes)])

    @property
    def key(self) -> tuple[str, str]:
        """What its wheel is found by."""
        return self.name, str(Version(str(self.after)))

    @property
    def is_wheel(self) -> bool:
        """Whether its file is a wheel; else one is built."""
        return self.url.partition("#")[0].endswith(".whl")

    def as_json(self) -> dict[str, str | None]:
        return {"name": self.name, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True)
class PipRun:
    """One pip run of a step: its verb and arguments, without sources and constraints."""

    verb: str
    arguments: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the plan: what is removed, what pip runs, what that changes."""

    stage: int
    title: str
    commands: tuple[str, ...]  # as a person would type them
    changes: tuple[Change, ...] = ()
    runs: tuple[PipRun, ...] = ()
    remove: tuple[str, ...] = ()  # paths

    @property
    def heading(self) -> str:
        return self.title if self.stage == REMOVAL else f"{self.stage}  {self.title}"

    def as_json(self) -> dict[str, object]:
        return {
            "stage": self.stage,
            "title": self.title,
            "commands": list(self.commands),
            "changes": [change.as_json() for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and the findings that they are to fix."""

    steps: tuple[Step, ...] = ()
    ids: frozenset[str] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for step in self.steps for change in step.changes)

    @property
    def summary(self) -> str:
        """Every change if they are few, else how many there are."""
        changes = self.changes
        if len(changes) <= _LISTED:
            return ", ".join(map(_summary, changes)) or "leftovers removed"
        added = sum(change.before is None for change in changes)
        changed = len(changes) - added
        parts = [f"{changed} package{'s' if changed > 1 else ''} changed"] if changed else []
        return ", ".join([*parts, *([f"{added} added"] if added else [])])

    def as_json(self) -> list[dict[str, object]]:
        return [step.as_json() for step in self.steps]


def _summary(change: Change) -> str:
    if change.before == change.after:
        return f"{change.name} {change.after} reinstalled"
    return f"{change.name} {change.before or 'new'} → {change.after}"


# Goal -> requirements


def requirement_name(text: str) -> str:
    """The normalised name in a requirement; empty if it isn't one."""
    requirement = parse_requirement(text)
    return requirement.name if requirement else ""


def constraints(stack: Stack, facts: Facts) -> tuple[str, ...]:
    """Every pin of the stack as pip takes constraints: without extras.

    If parakeet is installed in this environment, its own requirements are included, so the
    repair can't break parakeet.
    """
    lines = [f"{pin.name}{pin.spec}" for pin in stack.pins if pin.spec]
    tool = facts.installed("parakeet-cli")
    for text in tool.requires if tool else ():
        requirement = parse_requirement(text)
        if requirement is not None and requirement.spec and not requirement.marker:
            lines.append(f"{requirement.name}{requirement.spec}")
    return tuple(lines)


def requirements(stage: Stage, goal: RepairGoal) -> tuple[str, ...]:
    """The stage's requirements as its file has them, and with torch the rest of its family."""
    own = tuple(pin.requirement.text for pin in stage.pins)
    return own + (goal.family if any(pin.name == TORCH for pin in stage.pins) else ())


def requested(stage: Stage, goal: RepairGoal, facts: Facts) -> list[str]:
    """What pip is asked for: without torch if that stays, so that its index isn't needed."""
    stays = facts.installed(TORCH) is not None and not goal.torch
    return [
        text
        for text in requirements(stage, goal)
        if not (stays and requirement_name(text) == TORCH)
    ]


def reinstalls(goal: RepairGoal, facts: Facts, changing: Iterable[str]) -> tuple[str, ...]:
    """What is installed over itself: in its own version if the stack allows that.

    `changing` are the names that are replaced anyway.
    """
    texts = []
    for name in sorted((goal.fix.reinstall | goal.fix.replace) - set(changing)):
        pin = goal.stack.pin(name)
        dist = facts.installed(name)
        version = dist.version if dist and not dist.problem else None
        any_version = name in goal.fix.uninstall or name in goal.fix.replace
        if any_version or not version or (pin and not pin.allows(version)):
            texts.append(pin.requirement.text if pin else name)
        else:
            texts.append(f"{name}=={version}")
    return tuple(texts)


# Changes -> stages


def assign_to_stages(
    goal: RepairGoal, changes: Iterable[Change], facts: Facts
) -> dict[int, tuple[Change, ...]]:
    """Each change at the first stage whose requirements lead to it, as pip will do it."""
    waiting = {change.name: change for change in changes}
    needs = requires_by_name(facts, waiting)
    assigned: dict[int, tuple[Change, ...]] = {}
    for stage in goal.stack.stages:
        if stage.number not in goal.stages:
            continue
        names = [name for text in requirements(stage, goal) if (name := requirement_name(text))]
        reached = names if "--no-deps" in stage.flags else required_by(names, needs)
        mine = [waiting.pop(name) for name in reached if name in waiting]
        if mine:
            assigned[stage.number] = tuple(mine)
    if waiting:
        last = last_stage(goal)
        assigned[last] = (*assigned.get(last, ()), *waiting.values())
    return assigned


def last_stage(goal: RepairGoal) -> int:
    """The stage that takes what no stage's requirements lead to."""
    return goal.stages[-1] if goal.stages else goal.stack.stages[-1].number


def requires_by_name(facts: Facts, changes: Mapping[str, Change]) -> dict[str, tuple[str, ...]]:
    """What each distribution will require, after the changes."""
    needs = {dist.name: dist.requires for dist in facts.distributions}
    return needs | {name: change.requires for name, change in changes.items()}


def required_by(names: Iterable[str], needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The names and all that they require, without extras."""
    reached = dict.fromkeys(names)
    waiting = list(reached)
    while waiting:
        for text in needs.get(waiting.pop(), ()):
            requirement = parse_requirement(text)
            if requirement is None or "extra" in requirement.marker:
                continue
            if requirement.name not in reached:
                reached[requirement.name] = None
                waiting.append(requirement.name)
    return list(reached)
