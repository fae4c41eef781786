"""Makes the steps of a plan from what pip would change, with the commands a person would type."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.checks.common import conda_removal
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.inspect.packages.conda_files import ReplacedPackage, replaced_packages
from parakeet_cli.doctor.repair.goal import TORCH, RepairGoal
from parakeet_cli.doctor.repair.indexes import PackageSources
from parakeet_cli.doctor.repair.plan import (
    REMOVAL,
    Change,
    PipRun,
    Plan,
    Step,
    assign_to_stages,
    last_stage,
    requested,
    required_by,
    requirement_name,
    requires_by_name,
)
from parakeet_cli.doctor.stack.stack import Stage


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How a person would type the pip runs of a plan."""

    pip: tuple[str, ...]
    sources: PackageSources
    constraints: Path

    def typed(self, run: PipRun, *, with_torch: bool) -> str:
        """The command of a run; `with_torch` if torch comes from its own index."""
        options: tuple[str, ...] = ()
        if run.verb == "install":
            installs_torch = any(requirement_name(text) == TORCH for text in run.arguments)
            if self.sources.wheelhouse or (with_torch and installs_torch):
                options = self.sources.arguments
            options += ("-c", str(self.constraints))
        return shlex.join([*self.pip, run.verb, *options, *run.flags, *run.arguments])


class PlanBuilder:
    """Makes the plan of one repair.

    `changes` is all that pip would install, by name; `reinstalled` names those of them that are
    installed over themselves; `torch` is the version that torch's own index has, if that is
    where it comes from.
    """

    def __init__(
        self,
        goal: RepairGoal,
        facts: Facts,
        changes: Mapping[str, Change],
        reinstalled: Collection[str],
        torch: str | None,
        command_line: CommandLine,
    ) -> None:
        self._goal, self._facts, self._changes = goal, facts, changes
        self._torch, self._command_line = torch, command_line
        self._last = last_stage(goal)
        self._condas = list(replaced_packages(facts, changes))  # not yet in a step
        ordinary = [change for name, change in changes.items() if name not in reinstalled]
        self._assigned = assign_to_stages(goal, ordinary, facts)
        self._reinstalled: dict[int, list[Change]] = {}
        for name in sorted(set(reinstalled) & set(changes)):
            pin = goal.stack.pin(name)
            stage = pin.stage if pin else self._last
            self._reinstalled.setdefault(stage, []).append(changes[name])

    def build(self) -> Plan:
        """What is removed first, then a step for each stage that changes something."""
        steps = (self._removal(), *map(self._step, self._goal.stack.stages))
        return Plan(tuple(step for step in steps if step is not None), self._goal.ids)

    def _removal(self) -> Step | None:
        goal = self._goal
        runs: list[PipRun] = []
        if goal.reinstall:
            names = sorted(name for name, change in self._changes.items() if change.before)
            if names:
                runs.append(PipRun("uninstall", ("--yes", *names)))
        # pip removes one of several at a time.
        for number in range(max(goal.fix.uninstall.values(), default=0)):
            names = sorted(name for name, times in goal.fix.uninstall.items() if times > number)
            runs.append(PipRun("uninstall", ("--yes", *names)))
        if not runs and not goal.fix.remove:
            return None
        commands = [shlex.join(["rm", "-r", path]) for path in goal.fix.remove]
        commands += [self._command_line.typed(run, with_torch=False) for run in runs]
        title = "Remove what is there" if goal.reinstall else "Remove what is broken or duplicate"
        return Step(REMOVAL, title, tuple(commands), (), tuple(runs), goal.fix.remove)

    def _step(self, stage: Stage) -> Step | None:
        changes = self._assigned.get(stage.number, ())
        again = self._reinstalled.get(stage.number, [])
        runs: list[PipRun] = []
        if changes:
            runs.append(PipRun("install", self._installed(stage, changes), stage.flags))
        if again:
            pinned = tuple(change.pinned for change in again)
            runs.append(PipRun("install", pinned, ("--force-reinstall", "--no-deps")))
        if not runs:
            return None
        with_torch = self._torch is not None
        commands = [self._command_line.typed(run, with_torch=with_torch) for run in runs]
        replaced = self._replaced({one.name for one in (*changes, *again)})
        if replaced:
            commands.insert(0, conda_removal(self._facts, [one.record.name for one in replaced]))
        return Step(
            stage.number,
            stage.title,
            tuple(commands),
            (*changes, *again),
            tuple(runs),
            tuple(path for one in replaced for path in one.paths),
        )

    def _replaced(self, names: Collection[str]) -> list[ReplacedPackage]:
        """conda's packages that go before these are installed, each in one step alone."""
        mine = [one for one in self._condas if one.distributions & set(names)]
        self._condas = [one for one in self._condas if one not in mine]
        return mine

    def _installed(self, stage: Stage, changes: Sequence[Change]) -> tuple[str, ...]:
        """The stage's requirements, and the changes that those don't lead to."""
        texts = requested(stage, self._goal, self._facts)
        reached: Collection[str] = {change.name for change in changes} if texts else ()
        if texts and stage.number == self._last:
            needs = requires_by_name(self._facts, self._changes)
            reached = required_by([requirement_name(text) for text in texts], needs)
        if self._torch:
            pinned = f"torch=={self._torch}"
            texts = [pinned if requirement_name(text) == TORCH else text for text in texts]
        return (*texts, *(change.pinned for change in changes if change.name not in reached))
