"""Checks that what is installed is complete and is what an import finds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    conda_against_pip,
    conda_commands,
    conda_removal,
    count,
    install_command,
    join_names,
    pip_command,
    reinstall_commands,
    repair_remedy,
    require_listings,
)
from parakeet_cli.doctor.facts import (
    CondaRecord,
    Distribution,
    Facts,
    FactUnavailable,
    NumpyAbi,
    PthFile,
    require,
)
from parakeet_cli.doctor.findings import NOTHING_TO_DO, CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.system.ml_versions import normalized_name

# `__editable__.a-1.0.pth` of setuptools, `_editable_impl_a.pth` of hatchling, `_a_editable.pth`
# of scikit-build-core, `_a.pth` and `a.pth` of the others.
IN_PLACE = re.compile(
    r"(?:__editable__\.|_editable_impl_|_)?(?P<name>\w.*?)(?:-\d.*)?(?:_editable)?\.pth"
)


class _BrokenItem(NamedTuple):
    """What is wrong with one distribution or leftover folder: its name and the evidence."""

    name: str
    lines: tuple[str, ...]


def numpy_abi(context: CheckContext) -> Finding:
    """No compiled file was built for a NumPy that is incompatible with the installed one."""
    check = "numpy-abi"
    numpy = context.facts.installed("numpy")
    if numpy is None:
        return Finding(check, CheckStatus.SKIP, "numpy is not installed")
    try:
        version = Version(numpy.version or "")
    except InvalidVersion:
        raise FactUnavailable(f"the version of NumPy can't be read: {numpy.problem}") from None
    scanned = require(context.facts.binaries)
    broken = [abi for abi in scanned.numpy if not abi.fits(version)]
    why = (
        "The compiled file expects another memory layout of NumPy's types: "
        "'numpy.dtype size changed', 'compiled using NumPy 1.x', or a crash."
    )
    source = "https://numpy.org/doc/stable/dev/depending_on_numpy.html"
    if broken:
        packages = list(dict.fromkeys(abi.package for abi in broken))
        remedy, stages = _abi_remedy(context, numpy, packages)
        return Finding(
            check,
            CheckStatus.FAIL,
            f"{count(len(broken), 'compiled file')} of {join_names(packages)} can't work with "
            f"NumPy {numpy.version}",
            why,
            join_lines(_abi_lines(broken)),
            remedy,
            source,
            stages,
            packages=tuple(packages),
        )
    if scanned.unreadable:
        raise FactUnavailable(
            f"{count(len(scanned.unreadable), 'compiled file')} can't be read: "
            f"{scanned.unreadable[0]}"
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"{len(scanned.numpy)} of {count(scanned.total, 'compiled file')} use NumPy, all can "
        f"work with {numpy.version}",
        why,
        source=source,
    )


def _abi_remedy(
    context: CheckContext, numpy: Distribution, packages: list[str]
) -> tuple[str, tuple[int, ...]]:
    """Remedy and stages: NumPy itself if it is outside its pin, else the packages."""
    facts, stack = context.facts, context.stack
    pin = stack.pin("numpy")
    if pin is not None and not pin.allows(numpy.version):
        return repair_remedy(facts, install_command(facts, [pin])), (pin.stage,)
    command = pip_command(facts, "install", "--force-reinstall", "--no-deps", *packages)
    return repair_remedy(facts, command), _stages(packages, stack)


def _abi_lines(broken: Iterable[NumpyAbi]) -> Iterator[str]:
    by_package: dict[str, list[NumpyAbi]] = {}
    for abi in broken:
        by_package.setdefault(abi.package, []).append(abi)
    for package, files in by_package.items():
        for abi in files[:4]:
            built = f"NumPy {abi.minimum} or newer" if abi.minimum else "NumPy 1"
            yield f"{package}: {abi.path} was built for {built}"
        if len(files) > 4:
            yield f"{package}: and {len(files) - 4} more files"


def _stages(packages: Iterable[str], stack: Stack) -> tuple[int, ...]:
    pins = (stack.pin(package) for package in packages)
    return tuple(sorted({pin.stage for pin in pins if pin is not None}))


def duplicate_dists(context: CheckContext) -> Finding:
    """Each distribution is installed once in its folder, and conda and pip agree on it."""
    check = "duplicate-dists"
    facts, stack = context.facts, context.stack
    require_listings(facts)
    leftovers = [leftover.path for leftover in facts.leftovers]
    problems = [*_installed_twice(facts), *_conda_against_pip(facts), *_left_behind(leftovers)]
    why = (
        "pip removes one copy and leaves the files of the other: what is imported is then a "
        "mixture, and a later install doesn't repair it."
    )
    source = "https://github.com/pypa/pip/issues/9129"
    if not problems:
        total = len(facts.distributions)
        return Finding(
            check, CheckStatus.OK, f"{count(total, 'distribution')}, each installed once", why
        )
    names = list(dict.fromkeys(problem.name for problem in problems))
    packages = [name for name in names if not name.startswith("~")]
    return Finding(
        check,
        CheckStatus.FAIL,
        f"installed twice, or half removed: {join_names(names)}",
        why,
        join_lines(line for problem in problems for line in problem.lines),
        repair_remedy(facts, *_cleaning_commands(facts, packages, leftovers, stack)),
        source,
        _stages(packages, stack) or (stack.stages[0].number,),
        packages=tuple(packages),
    )


def _installed_twice(facts: Facts) -> Iterator[_BrokenItem]:
    groups: dict[tuple[str, str], list[Distribution]] = {}
    for dist in facts.distributions:
        groups.setdefault((dist.name, dist.location), []).append(dist)
    for (name, _), dists in groups.items():
        # Debian has an egg-info of the same version beside a dist-info: one distribution.
        has_dist_info = {dist.version for dist in dists if _is_dist_info(dist)}
        copies = [
            dist for dist in dists if _is_dist_info(dist) or dist.version not in has_dist_info
        ]
        if len(copies) > 1:
            versions = join_names([str(dist.version) for dist in copies])
            summary = f"{name} is installed {len(copies)} times: {versions}"
            yield _BrokenItem(name, (summary, *(f"  {dist.info}" for dist in copies)))


def _is_dist_info(dist: Distribution) -> bool:
    return dist.info.endswith(".dist-info")


def _conda_against_pip(facts: Facts) -> Iterator[_BrokenItem]:
    """Distributions that conda installed and pip has replaced since, or the other way round."""
    require(facts.conda)
    for name, record, dist in conda_against_pip(facts):
        of = "" if record.name == name else f" of {record.name}"
        version = dict(record.distributions)[name]
        line = f"{name}: conda's record{of} says {version}, pip's {dist.version}"
        yield _BrokenItem(name, (f"{line} ({dist.info})",))


def _left_behind(leftovers: Iterable[str]) -> Iterator[_BrokenItem]:
    for path in leftovers:
        yield _BrokenItem(PurePath(path).name, (f"left behind by an interrupted pip: {path}",))


def _cleaning_commands(
    facts: Facts, packages: list[str], leftovers: list[str], stack: Stack
) -> Iterator[str]:
    if leftovers:
        yield shlex.join(["rm", "-r", *leftovers])
    of_conda = [record.name for name, record, _ in conda_against_pip(facts) if name in packages]
    if of_conda:
        yield conda_removal(facts, dict.fromkeys(of_conda))
    if packages:
        # Twice, because pip removes one copy at a time.
        uninstall = pip_command(facts, "uninstall", "--yes", *packages)
        yield " && ".join([uninstall, uninstall, *reinstall_commands(facts, stack, packages)])


def broken_dists(context: CheckContext) -> Finding:
    """Metadata can be read, recorded files are whole, and `.pth` files name existing folders."""
    check = "broken-dists"
    facts, stack = context.facts, context.stack
    require_listings(facts)
    imported = _imported(facts.distributions)
    serious = [problem for dist in imported for problem in _serious_problems(dist)]
    gone = list(_gone_sources(facts))
    serious += [one for one in gone if one.name in context.needed]
    own = [one for one in gone if one.name not in context.needed]
    conda = [record for record in require(facts.conda) if record.damaged]
    slight = [line for dist in imported for line in _slight_problems(dist)]
    slight += _pth_problems(facts, {line for one in gone for line in one.lines})
    why = "A half-installed package fails when the missing half is imported, not at installation."
    source = "https://packaging.python.org/en/latest/specifications/recording-installed-packages/"
    if serious:
        names = list(dict.fromkeys(problem.name for problem in serious))
        commands = [*reinstall_commands(facts, stack, names, "--force-reinstall", "--no-deps")]
        lines = [line for problem in serious for line in problem.lines]
        return Finding(
            check,
            CheckStatus.FAIL,
            f"not complete: {join_names([*names, *(one.name for one in conda)])}",
            why,
            join_lines([*lines, *_damaged_lines(conda), *slight]),
            repair_remedy(facts, *commands, *conda_commands(facts, conda)),
            source,
            _stages(names, stack) or (stack.stages[-1].number,),
            packages=tuple(names),
        )
    if conda:
        return _conda_alone(check, facts, conda, why)
    if own:
        return Finding(
            check,
            CheckStatus.WARN,
            f"installed in place, from a folder that is gone: {join_names([o.name for o in own])}",
            "Python imports it from that folder, and finds nothing there.",
            join_lines([*(line for one in own for line in one.lines), *slight]),
            "Install it again from the folder in which it is now: "
            + pip_command(facts, "install", "-e", "FOLDER"),
            source,
        )
    if slight:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{count(len(slight), 'oddity', 'oddities')}, no code is missing: {slight[0]}",
            why,
            join_lines(slight),
            f"{NOTHING_TO_DO}; remove the named file or reinstall the named package.",
            source,
        )
    total = len(facts.distributions)
    return Finding(check, CheckStatus.OK, f"{count(total, 'distribution')}, all complete", why)


def _conda_alone(check: str, facts: Facts, conda: list[CondaRecord], why: str) -> Finding:
    """Files that only conda can install again: no stage, so that --fix leaves it to the person."""
    names = [one.name for one in conda]
    return Finding(
        check,
        CheckStatus.FAIL,
        f"not complete: {join_names(names)}, which conda installed",
        why,
        join_lines(_damaged_lines(conda)),
        "\n".join(conda_commands(facts, conda)),
        "https://docs.conda.io/projects/conda/en/stable/commands/install.html",
        packages=tuple(names),
    )


def _damaged_lines(records: Iterable[CondaRecord]) -> Iterator[str]:
    for record in records:
        damaged = record.damaged
        yield (
            f"{record.name} {record.version}, which conda installed: "
            f"{count(len(damaged), 'file')} cut short or overwritten: "
            f"{join_names(list(damaged), 3)}"
        )


def _imported(distributions: Iterable[Distribution]) -> list[Distribution]:
    """Those in the folder that an import takes them from: others behind it do no harm."""
    first: dict[str, str] = {}
    return [
        dist
        for dist in distributions
        if first.setdefault(dist.name, dist.location) == dist.location
    ]


def _serious_problems(dist: Distribution) -> Iterator[_BrokenItem]:
    if dist.problem:
        yield _BrokenItem(dist.name, (f"{dist.name}: {dist.problem} ({dist.info})",))
    if missing := dist.missing_code:
        line = (
            f"{dist.name} {dist.version}: {count(len(missing), 'file')} of its RECORD missing: "
            f"{join_names(list(missing), 3)}"
        )
        yield _BrokenItem(dist.name, (line,))
    if damaged := dist.damaged:
        line = (
            f"{dist.name} {dist.version}: {count(len(damaged), 'file')} cut short or overwritten: "
            f"{join_names(list(damaged), 3)}"
        )
        yield _BrokenItem(dist.name, (line,))


def _slight_problems(dist: Distribution) -> Iterator[str]:
    if dist.missing and not dist.missing_code:
        yield f"{dist.name}: {join_names(list(dist.missing), 2)} missing, not code"
    if dist.edited:
        files = join_names(list(dist.edited), 2)
        yield f"{dist.name}: changed since it was installed: {files}"
    if not dist.has_record and _is_dist_info(dist) and not dist.conda:
        yield f"{dist.name}: no RECORD, so pip can't remove it ({dist.info})"


def _gone_sources(facts: Facts) -> Iterator[_BrokenItem]:
    """Distributions that were installed in place (`pip install -e`) from a folder that is gone."""
    names = {dist.name for dist in facts.distributions}
    for pth in facts.interpreter.pth_files:
        name = _installed_in_place(pth.path)
        if pth.dangling and name in names:
            yield _BrokenItem(name, tuple(_dangling_lines(pth)))


def _installed_in_place(pth: str) -> str:
    """The distribution that this `.pth` file adds, by the names that build backends give it."""
    found = IN_PLACE.fullmatch(PurePath(pth).name)
    return normalized_name(found["name"]) if found else ""


def _dangling_lines(pth: PthFile) -> Iterator[str]:
    for folder in pth.dangling:
        yield f"{pth.path} names {folder}, which doesn't exist"


def _pth_problems(facts: Facts, said: Container[str]) -> Iterator[str]:
    """What is wrong with the `.pth` files, without the lines that are said already."""
    for pth in facts.interpreter.pth_files:
        if pth.problem:
            yield f"{pth.path} can't be read: {pth.problem}"
        yield from (line for line in _dangling_lines(pth) if line not in said)
