"""Asks what has to change to reach a goal, and makes the plan of that.

uv decides the versions for all stages together, so that no stage undoes another, and says of each
which file it is; where uv can't, `pip install --dry-run --report` does. NeMo is asked for by
itself, because it is installed without dependencies.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.download_sizes import download_sizes
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.goal import TORCH, RepairGoal
from parakeet_cli.doctor.repair.indexes import PackageSources, refusal
from parakeet_cli.doctor.repair.pip import OnProgress, Pip, PipFailed
from parakeet_cli.doctor.repair.plan import (
    Change,
    Plan,
    constraints,
    reinstalls,
    requested,
    requirement_name,
)
from parakeet_cli.doctor.repair.steps import CommandLine, PlanBuilder
from parakeet_cli.doctor.repair.uv.configuration import (
    NoEqual,
    PipConfiguration,
    UvSettings,
    as_url,
    for_uv,
    lines_of_sources,
    read_configuration,
)
from parakeet_cli.doctor.repair.uv.lock import LockedPackage, RequirementList, lock
from parakeet_cli.doctor.repair.uv.solve import UvFailed, find_uv
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.safety.private_folders import private_folder
from parakeet_cli.system.safety.scratch_folders import scratch_file, scratch_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The plan, what is installed for it, and where that comes from."""

    plan: Plan
    installs: tuple[Change, ...]
    sources: PackageSources
    uv: UvSettings | None = None  # with which uv finds all of it; None where pip was asked

    @property
    def pinned(self) -> tuple[str, ...]:
        """name==version of all that is installed."""
        return tuple(change.pinned for change in self.installs)


class Resolver:
    """Asks one interpreter's pip. Writes nothing but temporary files of its own."""

    def __init__(
        self,
        pip: Pip,
        facts: Facts,
        goal: RepairGoal,
        sources: PackageSources,
        *,
        constraints_file: Path,
        on_progress: OnProgress | None = None,
    ) -> None:
        """`constraints_file` is the one that the shown commands name."""
        self._pip, self._facts, self._goal = pip, facts, goal
        # Don't use the torch index unless torch itself is being replaced.
        self._sources = sources if goal.torch or sources.wheelhouse else PackageSources()
        self._on_progress = on_progress
        self._command_line = CommandLine(pip.typed, self._sources, constraints_file)
        self._before = {dist.name: dist.version for dist in reversed(facts.distributions)}
        self._changes: dict[str, Change] = {}
        self._uv: UvSettings | None = None

    def resolve(self) -> Resolution:
        """Raises Refused if pip finds no solution, or can't reach its sources."""
        try:
            torch = self._torch_version()
            text = "".join(f"{line}\n" for line in self._bounds(torch))
            with scratch_file("constraints.txt", text) as bounds:
                self._ask_for_stages(bounds)
                reinstalled = self._ask_for_reinstalls(bounds)
        except PipFailed as error:
            raise refusal(error, self._sources) from error
        sizes = download_sizes(one.url for one in self._changes.values() if one.size is None)
        changes = {
            name: replace(change, size=sizes.get(change.url, change.size))
            for name, change in self._changes.items()
        }
        plan = PlanBuilder(
            self._goal, self._facts, changes, reinstalled, torch, self._command_line
        ).build()
        return Resolution(plan, tuple(changes.values()), self._sources, self._uv)

    def _torch_version(self) -> str | None:
        """The version that torch's own index has, asked of that index alone."""
        pin = self._goal.stack.pin(TORCH)
        index = self._sources.torch_index
        if not self._goal.torch or index is None or pin is None:
            return None
        flags = ["--no-deps", "--ignore-installed", *(["--pre"] if self._sources.nightly else [])]
        bound = self._sources.torch_bound
        wanted = f"{pin.requirement.text},{bound}" if bound else pin.requirement.text
        report = self._report(
            [*flags, "--index-url", index, wanted],
            settings=read_configuration(self._pip).network_settings,
        )
        return next((change.after for change in report if change.name == TORCH), None)

    def _bounds(self, torch: str | None) -> list[str]:
        lines = [f"torch=={torch}"] if torch else []
        lines += constraints(self._goal.stack, self._facts)
        installed = self._facts.installed(TORCH)
        if installed is not None and installed.version and not self._goal.torch:
            # It stays as it is, with its local label: no other build is as good.
            lines.append(f"torch=={installed.version}")
        return lines

    def _ask_for_stages(self, bounds: str) -> None:
        goal = self._goal
        again = ["--ignore-installed"] if goal.reinstall else []
        with_dependencies: list[str] = []
        alone: list[str] = []
        for stage in goal.stack.stages:
            if stage.number in goal.stages:
                texts = alone if "--no-deps" in stage.flags else with_dependencies
                texts.extend(requested(stage, goal, self._facts))
        if self._ask_with_uv(bounds, with_dependencies, alone):
            return
        sources = self._sources.arguments
        if with_dependencies:
            self._ask([*sources, "-c", bounds, *again, *with_dependencies])
        if alone:
            # From where pip looks by itself: torch's own index isn't for NeMo.
            sources = sources if self._sources.wheelhouse else ()
            self._ask([*sources, "-c", bounds, *again, "--no-deps", *alone])

    def _ask_with_uv(
        self, bounds: str, with_dependencies: Sequence[str], alone: Sequence[str]
    ) -> bool:
        """Ask uv for the versions and their files; False where that gives no answer.

        That none can be found, and why, is left for pip to say.
        """
        sealed = self._sources.wheelhouse is not None
        try:
            configuration = PipConfiguration() if sealed else read_configuration(self._pip)
            settings = for_uv(configuration, os.environ)
            everywhere = lines_of_sources(self._sources)
            # torch's own index isn't for NeMo.
            wanted = (
                (with_dependencies, everywhere, False),
                (alone, everywhere if sealed else (), True),
            )
            uv = find_uv(self._facts)
            lists: list[RequirementList] = []
            for texts, sources, is_alone in wanted:
                lines = (*sources, f"-c {as_url(bounds)}", *texts)
                if texts and self._nothing_counts:
                    lists.append(RequirementList(lines, alone=is_alone))
                elif texts:
                    # What is installed and suits stays, of which a lock file knows nothing.
                    pins = uv.solve(lines, settings, with_dependencies=not is_alone)
                    if pins:
                        lists.append(RequirementList((*sources, *pins), True, is_alone))
            locked = lock(uv, lists, settings)
        except (NoEqual, UvFailed, PipFailed) as error:
            _log.info("uv can't tell what to install, so pip is asked: %s", error)
            return False
        for package in locked:
            self._changes.setdefault(package.name, _locked_change(package, self._before))
        self._uv = settings
        return True

    @property
    def _nothing_counts(self) -> bool:
        """Whether all is chosen as for an empty environment."""
        return self._goal.reinstall or not self._facts.distributions

    def _ask_for_reinstalls(self, bounds: str) -> frozenset[str]:
        """The names of what is installed over itself.

        What no index has any more stays as it is: one such package doesn't prevent the rest.
        Raises PipFailed if that leaves nothing to do.
        """
        texts = reinstalls(self._goal, self._facts, self._changes)
        if not texts:
            return frozenset()
        try:
            self._ask_for_reinstall(bounds, texts)
        except PipFailed as error:
            texts = self._obtainable(bounds, texts)
            if not texts and not self._changes:
                raise error from None
        return frozenset(map(requirement_name, texts))

    def _obtainable(self, bounds: str, texts: Sequence[str]) -> tuple[str, ...]:
        """Of these requirements those that pip finds, one by one; the goal loses the others."""
        found: list[str] = []
        lost: list[str] = []
        for text in texts:
            try:
                self._ask_for_reinstall(bounds, [text])
                found.append(text)
            except PipFailed:
                lost.append(requirement_name(text))
        self._goal = self._goal.without(lost, self._facts)
        return tuple(found)

    def _ask_for_reinstall(self, bounds: str, texts: Sequence[str]) -> None:
        flags = ["--force-reinstall", "--no-deps"]
        self._ask([*self._sources.arguments, "-c", bounds, *flags, *texts])

    def _ask(self, arguments: Sequence[str]) -> None:
        for change in self._report(arguments):
            self._changes.setdefault(change.name, change)

    def _report(
        self, arguments: Sequence[str], *, settings: dict[str, str] | None = None
    ) -> list[Change]:
        """What pip would install with these arguments. Raises PipFailed."""
        with scratch_folder() as folder:
            report = folder / "report.json"
            self._pip.run(
                ["install", "--dry-run", "--report", str(report), *arguments],
                on_progress=self._on_progress,
                sealed=self._sources.wheelhouse is not None,
                settings=settings,
            )
            items = json.loads(report.read_text("utf-8"))["install"]
        return [_change(item, self._before) for item in items]


def write_constraints(stack: Stack, facts: Facts) -> Path:
    """A file of all pins that outlives the process, for commands that are typed by hand."""
    from platformdirs import user_cache_path

    path = user_cache_path("parakeet") / f"constraints-{stack.name}.txt"
    try:
        private_folder(path.parent)
        path.write_text("".join(f"{line}\n" for line in constraints(stack, facts)))
    except OSError:
        return stack.files[-1]
    return path


def _change(item: dict[str, dict[str, object]], before: dict[str, str | None]) -> Change:
    """A change from one item of pip's report."""
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
        (digest,) if digest else (),
        url,
    )


def _locked_change(package: LockedPackage, before: Mapping[str, str | None]) -> Change:
    return Change(
        package.name,
        before.get(package.name),
        package.version,
        package.size,
        package.requires,
        package.hashes,
        package.url,
    )
