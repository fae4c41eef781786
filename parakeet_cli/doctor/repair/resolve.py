"""What pip would change to reach a goal, asked of pip itself.

`pip install --dry-run --report` is asked once for all stages together, so that no stage
undoes another; NeMo, which goes in without dependencies, is asked for alone.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair import download_sizes
from parakeet_cli.doctor.repair.indexes import Sources, refusal
from parakeet_cli.doctor.repair.pip import Listen, Pip, PipFailed, plain_settings
from parakeet_cli.doctor.repair.plan import (
    REMOVAL,
    TORCH,
    Change,
    Plan,
    RepairGoal,
    Run,
    Step,
    assign_to_stages,
    closure,
    constraints,
    reinstalls,
    requirements,
)
from parakeet_cli.doctor.stack.requirement_strings import parse_requirement
from parakeet_cli.system.ml_versions import normalized_name

# Asking


@dataclass(frozen=True, slots=True)
class Resolution:
    """What pip would change, the plan made of it, and where its wheels come from."""

    plan: Plan
    installs: tuple[Change, ...]
    sources: Sources
    exact: tuple[str, ...]  # name==version of all that is installed


class Resolver:
    """Asks one interpreter's pip. Writes nothing but temporary files of its own."""

    def __init__(
        self,
        pip: Pip,
        facts: Facts,
        goal: RepairGoal,
        where: Sources,
        *,
        constraints_file: Path,
        listen: Listen | None = None,
    ) -> None:
        self._pip, self._facts, self._goal = pip, facts, goal
        # torch's own index is nobody's business where torch stays.
        self._where = where if goal.torch or where.wheelhouse else Sources()
        self._listen = listen
        self._constraints = constraints_file
        self._before = {dist.name: dist.version for dist in reversed(facts.distributions)}

    def resolve(self) -> Resolution:
        """Raises Refused where pip finds no way, or can't reach its sources."""
        try:
            return self._resolve()
        except PipFailed as error:
            raise refusal(error, self._where) from error

    def _resolve(self) -> Resolution:
        goal, again = self._goal, ("--ignore-installed",) if self._goal.reinstall else ()
        torch = self._torch()
        exact_torch = (f"torch=={torch}",) if torch else ()
        with_deps: list[str] = []
        alone: list[str] = []
        for stage in goal.stack.stages:
            if stage.number in goal.stages:
                held = alone if "--no-deps" in stage.flags else with_deps
                held.extend(self._asked(requirements(stage, goal)))
        found: dict[str, Change] = {}
        with _Bounds([*exact_torch, *self._own_bounds()]) as bounds:
            if with_deps:
                self._ask(found, ["-c", bounds, *again, *with_deps], self._where.arguments)
            if alone:
                plain = () if not self._where.wheelhouse else self._where.arguments
                self._ask(found, ["-c", bounds, *again, "--no-deps", *alone], plain)
            over = reinstalls(goal, self._facts, found)
            if over:
                flags = ["--force-reinstall", "--no-deps"]
                self._ask(found, ["-c", bounds, *flags, *over], self._where.arguments)
        known = download_sizes.of(change.url for change in found.values())
        found = {name: replace(one, size=known.get(one.url)) for name, one in found.items()}
        over_names = {
            normalized_name(requirement.name)
            for text in over
            if (requirement := parse_requirement(text))
        }
        return self._made(found, over_names, torch)

    def _asked(self, texts: Sequence[str]) -> list[str]:
        """Without torch where torch stays: nothing is asked of an index that isn't needed."""
        there = self._facts.installed(TORCH)
        stays = there is not None and not self._goal.torch
        return [text for text in texts if not (stays and _name(text) == TORCH)]

    def _own_bounds(self) -> tuple[str, ...]:
        lines = constraints(self._goal.stack, self._facts)
        there = self._facts.installed(TORCH)
        if there is not None and there.version and not self._goal.torch:
            # It stays as it is, local label and all: no other build is as good.
            lines = (*lines, f"torch=={there.version}")
        return lines

    def _torch(self) -> str | None:
        """The version that torch's own index has, taken from there and nowhere else."""
        where = self._where
        pin = self._goal.stack.pin(TORCH)
        if not self._goal.torch or where.torch_index is None or pin is None:
            return None
        found: dict[str, Change] = {}
        pre = ["--pre"] if where.nightly else []
        self._ask(
            found,
            [
                "--no-deps",
                "--ignore-installed",
                *pre,
                "--index-url",
                where.torch_index,
                pin.requirement.text,
            ],
            (),
            alone=True,
        )
        return found[TORCH].after if TORCH in found else None

    def _ask(
        self,
        found: dict[str, Change],
        arguments: Sequence[str],
        where: Sequence[str],
        *,
        alone: bool = False,
    ) -> None:
        with tempfile.TemporaryDirectory(prefix="parakeet-plan-") as folder:
            report = Path(folder, "report.json")
            self._pip.run(
                ["install", "--dry-run", "--report", str(report), *where, *arguments],
                listen=self._listen,
                sealed=self._where.wheelhouse is not None,
                plain=plain_settings(self._pip) if alone else None,
            )
            for item in json.loads(report.read_text("utf-8"))["install"]:
                change = _change(item, self._before)
                found.setdefault(change.name, change)

    # Into steps

    def _made(self, found: dict[str, Change], over: set[str], torch: str | None) -> Resolution:
        goal, facts = self._goal, self._facts
        steps: list[Step] = []
        if first := self._removal(found):
            steps.append(first)
        mine = assign_to_stages(
            goal, [change for name, change in found.items() if name not in over], facts
        )
        last = goal.stages[-1] if goal.stages else goal.stack.stages[-1].number
        replaced: dict[int, list[Change]] = {}
        for name in sorted(over & set(found)):
            pin = goal.stack.pin(name)
            replaced.setdefault(pin.stage if pin else last, []).append(found[name])
        for stage in goal.stack.stages:
            changes = mine.get(stage.number, ())
            again = replaced.get(stage.number, [])
            if not changes and not again:
                continue
            runs = []
            if changes:
                asked = self._asked(requirements(stage, goal))
                asked = [
                    f"torch=={torch}" if torch and _name(text) == TORCH else text for text in asked
                ]
                strays = [
                    f"{change.name}=={change.after}"
                    for change in changes
                    if not asked
                    or (stage.number == last and change.name not in self._reached(asked, found))
                ]
                runs.append(Run("install", (*asked, *strays), stage.flags))
            if again:
                texts = tuple(f"{change.name}=={change.after}" for change in again)
                runs.append(Run("install", texts, ("--force-reinstall", "--no-deps")))
            commands = tuple(self._typed(run, with_torch=torch is not None) for run in runs)
            steps.append(Step(stage.number, stage.title, commands, (*changes, *again), tuple(runs)))
        exact = tuple(f"{change.name}=={change.after}" for change in found.values())
        return Resolution(Plan(tuple(steps), goal.ids), tuple(found.values()), self._where, exact)

    def _reached(self, asked: Sequence[str], found: dict[str, Change]) -> set[str]:
        needs = {dist.name: dist.requires for dist in self._facts.distributions}
        needs |= {name: change.requires for name, change in found.items()}
        return set(closure([_name(text) for text in asked], needs))

    def _removal(self, found: dict[str, Change]) -> Step | None:
        goal = self._goal
        runs: list[Run] = []
        if goal.reinstall:
            names = sorted(name for name in found if self._before.get(name))
            if names:
                runs.append(Run("uninstall", ("--yes", *names)))
        most = max(goal.fix.uninstall.values(), default=0)
        for number in range(most):
            names = sorted(name for name, times in goal.fix.uninstall.items() if times > number)
            runs.append(Run("uninstall", ("--yes", *names)))
        remove = goal.fix.remove
        if not runs and not remove:
            return None
        commands = [shlex.join(["rm", "-r", path]) for path in remove]
        commands += [self._typed(run, with_torch=False) for run in runs]
        title = "Remove what is there" if goal.reinstall else "Remove what is half there"
        return Step(REMOVAL, title, tuple(commands), (), tuple(runs), remove)

    def _typed(self, run: Run, *, with_torch: bool) -> str:
        """As a person would type it."""
        where: tuple[str, ...] = ()
        held: tuple[str, ...] = ()
        if run.verb == "install":
            held = ("-c", str(self._constraints))
            if self._where.wheelhouse or (
                with_torch and any(_name(text) == TORCH for text in run.arguments)
            ):
                where = self._where.arguments
        return shlex.join([*self._pip.typed, run.verb, *where, *held, *run.flags, *run.arguments])


class _Bounds:
    """A constraints file for as long as it is needed."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = tuple(lines)

    def __enter__(self) -> str:
        descriptor, self._path = tempfile.mkstemp(prefix="parakeet-", suffix="-constraints.txt")
        with os.fdopen(descriptor, "w") as out:
            out.write("".join(f"{line}\n" for line in self._lines))
        return self._path

    def __exit__(self, *_: object) -> None:
        Path(self._path).unlink(missing_ok=True)


def _name(text: str) -> str:
    requirement = parse_requirement(text)
    return requirement.name if requirement else ""


def _change(item: dict[str, dict[str, object]], before: dict[str, str | None]) -> Change:
    metadata, source = item["metadata"], item["download_info"]
    url = str(source.get("url", ""))
    archive = source.get("archive_info")
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    digest = str(hashes.get("sha256", "")) if isinstance(hashes, dict) else ""
    requires = metadata.get("requires_dist")
    name = normalized_name(str(metadata["name"]))
    return Change(
        name,
        before.get(name),
        str(metadata["version"]),
        None,
        tuple(map(str, requires)) if isinstance(requires, list) else (),
        digest if url.partition("#")[0].endswith(".whl") else "",
        url,
    )
