"""Decides from the findings what a repair is to reach, before pip is asked what that takes.

Nothing here reads or runs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.version import Version

from parakeet_cli.doctor.checks.common import conda_against_pip
from parakeet_cli.doctor.facts import Distribution, Facts, Unavailable
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.stack.stack import TORCH_FAMILY, Stack

IMPORT_PROBE = "import-probe"
BROKEN = "broken-dists"
TORCH = "torch"
TORCH_CHECKS = frozenset({"torch-installed", "torch-arch", "cuda-driver", "gpu-probe"})


@dataclass(frozen=True, slots=True)
class Fix:
    """What one finding needs beside the packages of its stages."""

    reinstall: frozenset[str] = frozenset()  # in the same version, if that is known
    replace: frozenset[str] = frozenset()  # by any version that the stack allows
    uninstall: Mapping[str, int] = field(default_factory=dict)  # name -> how often it is there
    remove: tuple[str, ...] = ()  # paths

    @property
    def names(self) -> frozenset[str]:
        """The packages that are to be installed again."""
        return self.reinstall | self.replace | self.uninstall.keys()


@dataclass(frozen=True, slots=True)
class RepairGoal:
    """What a repair is to reach, before pip is asked what that takes."""

    stack: Stack
    stages: tuple[int, ...]
    fix: Fix = Fix()
    torch: bool = False  # torch itself is chosen again
    family: tuple[str, ...] = ()  # what is installed with torch
    reinstall: bool = False  # the whole stack
    ids: frozenset[str] = frozenset()  # the findings that it is to fix

    @property
    def empty(self) -> bool:
        return not self.stages and self.fix == Fix()

    def without(self, names: Collection[str], facts: Facts) -> RepairGoal:
        """The goal where these can't be installed again: they stay as they are.

        What fails because of them isn't to be fixed then, so that the other steps stand.
        """
        infos = {dist.info for dist in facts.distributions if dist.name in names}
        fix = replace(
            self.fix,
            reinstall=self.fix.reinstall - set(names),
            replace=self.fix.replace - set(names),
            uninstall={name: n for name, n in self.fix.uninstall.items() if name not in names},
            remove=tuple(path for path in self.fix.remove if path not in infos),
        )
        left = {id_ for id_ in self.ids & FIXES.keys() if FIXES[id_](facts).names & set(names)}
        return replace(self, fix=fix, ids=self.ids - left - {IMPORT_PROBE})


def repair_goal(
    findings: Iterable[Finding], facts: Facts, stack: Stack, *, reinstall: bool = False
) -> RepairGoal:
    """The goal of a repair of these findings, or with `reinstall` of a clean installation."""
    failing = [finding for finding in findings if not finding.healthy and finding.stages]
    # A failed import names every stage; where another finding has the cause, that one decides.
    causes = [finding for finding in failing if finding.id != IMPORT_PROBE] or failing
    needed = {
        stage
        for finding in causes
        if not _needs_no_stage(finding, facts)
        for stage in finding.stages
    }
    torch = reinstall or _replaces_torch(causes, facts, stack)
    return RepairGoal(
        stack=stack,
        stages=tuple(one.number for one in stack.stages if reinstall or one.number in needed),
        fix=Fix() if reinstall else _combined_fix(failing, facts, stack),
        torch=torch,
        family=tuple(name for name in TORCH_FAMILY if facts.installed(name)) if torch else (),
        reinstall=reinstall,
        ids=frozenset(finding.id for finding in failing) - _not_for_pip(facts),
    )


def _not_for_pip(facts: Facts) -> frozenset[str]:
    """What still fails afterwards because files are damaged that only conda can install again.

    That costs none of the other repairs.
    """
    damaged = not isinstance(facts.conda, Unavailable) and any(one.damaged for one in facts.conda)
    return frozenset({BROKEN, IMPORT_PROBE}) if damaged else frozenset()


def _needs_no_stage(finding: Finding, facts: Facts) -> bool:
    """Whether its packages are installed again as they were, and no stage is needed for that.

    Without their metadata their version and what they require aren't known. torch comes from an
    index of its own, which its stage names.
    """
    return finding.id == BROKEN and not any(
        dist.problem or not dist.version or dist.name == TORCH
        for dist in facts.distributions
        if dist.broken
    )


def _replaces_torch(causes: Sequence[Finding], facts: Facts, stack: Stack) -> bool:
    if facts.installed(TORCH) is None:
        return not all(_needs_no_stage(finding, facts) for finding in causes)
    pin = stack.pin(TORCH)
    stage = pin.stage if pin else stack.stages[-1].number
    broken = any(dist.name == TORCH and dist.broken for dist in facts.distributions)
    return any(
        (finding.id in TORCH_CHECKS or (broken and finding.id == BROKEN))
        and stage in finding.stages
        for finding in causes
    )


def _combined_fix(failing: Sequence[Finding], facts: Facts, stack: Stack) -> Fix:
    fixes = [FIXES[finding.id](facts) for finding in failing if finding.id in FIXES]
    pin, numpy = stack.pin("numpy"), facts.installed("numpy")
    numpy_stays = pin is None or (numpy is not None and pin.allows(numpy.version))
    return Fix(
        reinstall=frozenset().union(*(fix.reinstall for fix in fixes)),
        # If NumPy itself goes back, what was built for the earlier one works again.
        replace=frozenset().union(*(fix.replace for fix in fixes)) if numpy_stays else frozenset(),
        uninstall={name: times for fix in fixes for name, times in fix.uninstall.items()},
        remove=tuple(dict.fromkeys(path for fix in fixes for path in fix.remove)),
    )


# One function per check: its fix


def _broken(facts: Facts) -> Fix:
    names = {dist.name for dist in facts.distributions if dist.broken}
    # pip can't uninstall what it can't read: its metadata is removed, pip writes over the rest.
    unreadable = tuple(
        dist.info
        for dist in facts.distributions
        if _is_in_environment(facts, dist)
        and (dist.problem or not dist.has_record)
        and dist.name in names
    )
    return Fix(reinstall=frozenset(names), remove=unreadable)


def _duplicates(facts: Facts) -> Fix:
    counts: dict[str, int] = {}
    for dist in facts.distributions:
        if _is_in_environment(facts, dist) and dist.info.endswith(".dist-info"):
            counts[dist.name] = counts.get(dist.name, 0) + 1
    double = {name: number for name, number in counts.items() if number > 1}
    leftovers = tuple(leftover.path for leftover in facts.leftovers)
    # With them goes what conda has of them, as with everything that pip installs (`steps`).
    over_conda = frozenset(name for name, _, _ in conda_against_pip(facts))
    return Fix(reinstall=over_conda | double.keys(), uninstall=double, remove=leftovers)


def _numpy_abi(facts: Facts) -> Fix:
    numpy = facts.installed("numpy")
    if isinstance(facts.binaries, Unavailable) or numpy is None or not numpy.version:
        return Fix()
    version = Version(numpy.version)
    broken = {abi.package for abi in facts.binaries.numpy if abi.package and not abi.fits(version)}
    return Fix(replace=frozenset(broken - {"numpy"}))


def _pkg_resources(facts: Facts) -> Fix:
    return Fix() if facts.pkg_resources else Fix(reinstall=frozenset({"setuptools"}))


def _torch_mismatch(facts: Facts) -> Fix:
    dist = facts.installed(TORCH)
    if dist is None or isinstance(facts.torch, Unavailable) or facts.torch is None:
        return Fix()
    same = (dist.version or "").split("+")[0] == facts.torch.version.split("+")[0]
    return Fix() if same else Fix(reinstall=frozenset({TORCH}))


def _is_in_environment(facts: Facts, dist: Distribution) -> bool:
    """Whether it is in the environment itself, not in what that inherits."""
    return dist.location.startswith(f"{facts.interpreter.prefix}/")


FIXES: dict[str, Callable[[Facts], Fix]] = {
    BROKEN: _broken,
    "duplicate-dists": _duplicates,
    "numpy-abi": _numpy_abi,
    "setuptools-pkg-resources": _pkg_resources,
    "torch-installed": _torch_mismatch,
}
