"""Is what is installed whole, and is it what an import finds?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.checks.common import count, graph_of, install, listed, pip, repair
from parakeet_cli.doctor.facts import Distribution, Facts, FactUnavailable, NumpyAbi, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.system.ml_versions import normalized_name

CODE = (".py", ".so", ".pyd")


def numpy_abi(facts: Facts, stack: Stack) -> Finding:
    """No compiled file was built against a NumPy that can't serve it."""
    check = "numpy-abi"
    numpy = facts.installed("numpy")
    if numpy is None:
        return Finding(check, CheckStatus.SKIP, "numpy is not installed")
    try:
        version = Version(numpy.version or "")
    except InvalidVersion:
        raise FactUnavailable(f"the version of NumPy can't be read: {numpy.problem}") from None
    scanned = require(facts.binaries)
    broken = [abi for abi in scanned.numpy if not _serves(version, abi)]
    why = (
        "A compiled file meets another layout of NumPy's types than it was built for: "
        "'numpy.dtype size changed', 'compiled using NumPy 1.x', or a crash."
    )
    source = "https://numpy.org/doc/stable/dev/depending_on_numpy.html"
    if broken:
        packages = list(dict.fromkeys(abi.package for abi in broken))
        pin = stack.pin("numpy")
        ours = pin is not None and not pin.allows(numpy.version)
        mend = [pin] if ours and pin is not None else []
        return Finding(
            check,
            CheckStatus.FAIL,
            f"{count(len(broken), 'compiled file')} of {listed(packages)} can't work with "
            f"NumPy {numpy.version}",
            why,
            join_lines(_abi_lines(broken, numpy.version or "")),
            repair(
                facts,
                install(facts, mend)
                if mend
                else pip(facts, "install", "--force-reinstall", "--no-deps", *packages),
            ),
            source,
            (pin.stage,) if pin is not None and ours else _stages(packages, stack),
        )
    if scanned.unreadable:
        raise FactUnavailable(
            f"{count(len(scanned.unreadable), 'compiled file')} can't be read: "
            f"{scanned.unreadable[0]}"
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"{len(scanned.numpy)} of {count(scanned.seen, 'compiled file')} use NumPy, all can "
        f"work with {numpy.version}",
        why,
        source=source,
    )


def _serves(version: Version, abi: NumpyAbi) -> bool:
    """NumPy 1 headers: any NumPy 1. NumPy 2 headers: the named version and all after."""
    if abi.minimum is None:
        return version.major < 2
    return version >= Version(abi.minimum)


def _abi_lines(broken: Iterable[NumpyAbi], numpy: str) -> Iterable[str]:
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


def duplicate_dists(facts: Facts, stack: Stack) -> Finding:
    """Each distribution is there once: in its folder, and between conda and pip."""
    check = "duplicate-dists"
    _listed_all(facts)
    problems: list[str] = []
    names: list[str] = []
    groups: dict[tuple[str, str], list[Distribution]] = {}
    for dist in facts.distributions:
        groups.setdefault((dist.name, dist.location), []).append(dist)
    for key, dists in groups.items():
        # Debian leaves an egg-info of the same version beside a dist-info: one distribution.
        whole = {dist.version for dist in dists if dist.info.endswith(".dist-info")}
        groups[key] = [
            dist for dist in dists if dist.info.endswith(".dist-info") or dist.version not in whole
        ]
    for (name, _), dists in groups.items():
        if len(dists) > 1:
            names.append(name)
            versions = listed([str(dist.version) for dist in dists])
            problems.append(f"{name} is there {len(dists)} times: {versions}")
            problems += [f"  {dist.info}" for dist in dists]
    for record in require(facts.conda):
        other = facts.installed(normalized_name(record.name))
        if other and other.version and not _same(other.version, record.version):
            names.append(other.name)
            problems.append(
                f"{other.name}: conda's record says {record.version}, pip's {other.version} "
                f"({other.info})"
            )
    leftovers = [leftover.path for leftover in facts.leftovers]
    problems += [f"left behind by an interrupted pip: {path}" for path in leftovers]
    names += [f"{PurePath(path).name}" for path in leftovers]
    why = (
        "pip removes one of two and leaves the other's files: what is imported is then a "
        "mixture, and a later install does not put it right."
    )
    source = "https://github.com/pypa/pip/issues/9129"
    if not problems:
        total = len(facts.distributions)
        return Finding(
            check, CheckStatus.OK, f"{count(total, 'distribution')}, each there once", why
        )
    packages = list(dict.fromkeys(name for name in names if not name.startswith("~")))
    return Finding(
        check,
        CheckStatus.FAIL,
        f"installed twice, or half removed: {listed(list(dict.fromkeys(names)))}",
        why,
        join_lines(problems),
        repair(facts, *_clean(facts, packages, leftovers, stack)),
        source,
        _stages(packages, stack) or (stack.stages[0].number,),
    )


def _clean(facts: Facts, packages: list[str], leftovers: list[str], stack: Stack) -> Iterable[str]:
    if leftovers:
        import shlex

        yield shlex.join(["rm", "-r", *leftovers])
    if packages:
        # Twice, because pip removes one at a time.
        remove = pip(facts, "uninstall", "--yes", *packages)
        pins = [pin.requirement.text if (pin := stack.pin(name)) else name for name in packages]
        yield f"{remove} && {remove} && {pip(facts, 'install', *pins)}"


def _listed_all(facts: Facts) -> None:
    """What is in a folder that can't be listed is not known to be well."""
    if facts.unlisted:
        raise FactUnavailable(f"a site folder can't be listed: {facts.unlisted[0]}")


def _found(facts: Facts, name: str) -> str:
    dist = facts.installed(name)
    return dist.location if dist else ""


def _same(one: str, other: str) -> bool:
    try:
        return Version(one).public == Version(other).public
    except InvalidVersion:
        return one == other


def broken_dists(facts: Facts, stack: Stack) -> Finding:
    """Metadata can be read, listed files are there, `.pth` files point somewhere."""
    check = "broken-dists"
    _listed_all(facts)
    serious: list[str] = []
    names: list[str] = []
    slight: list[str] = []
    for dist in facts.distributions:
        if dist.problem:
            names.append(dist.name)
            serious.append(f"{dist.name}: {dist.problem} ({dist.info})")
        gone = [path for path in dist.missing if path.endswith(CODE) or ".so." in path]
        if gone:
            names.append(dist.name)
            serious.append(
                f"{dist.name} {dist.version}: {count(len(gone), 'file')} of its RECORD gone: "
                f"{listed(gone, 3)}"
            )
        elif dist.missing:
            slight.append(f"{dist.name}: without {listed(list(dist.missing), 2)}, no code")
        if not dist.has_record and dist.info.endswith(".dist-info") and not dist.conda:
            slight.append(f"{dist.name}: no RECORD, so pip can't remove it ({dist.info})")
    for pth in facts.interpreter.pth_files:
        if pth.problem:
            slight.append(f"{pth.path} can't be read: {pth.problem}")
        slight += [f"{pth.path} names {folder}, which is not there" for folder in pth.dangling]
    why = "What is half there fails at the import of the missing half, not at the install."
    source = "https://packaging.python.org/en/latest/specifications/recording-installed-packages/"
    if serious:
        names = list(dict.fromkeys(names))
        wanted = [pin.requirement.text if (pin := stack.pin(name)) else name for name in names]
        return Finding(
            check,
            CheckStatus.FAIL,
            f"not whole: {listed(names)}",
            why,
            join_lines([*serious, *slight]),
            repair(facts, pip(facts, "install", "--force-reinstall", "--no-deps", *wanted)),
            source,
            _stages(names, stack) or (stack.stages[-1].number,),
        )
    if slight:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{count(len(slight), 'oddity', 'oddities')}, no code is missing: {slight[0]}",
            why,
            join_lines(slight),
            "Nothing has to be done; remove the named file or reinstall the named package.",
            source,
        )
    total = len(facts.distributions)
    return Finding(check, CheckStatus.OK, f"{count(total, 'distribution')}, all whole", why)


def user_site(facts: Facts, stack: Stack) -> Finding:
    """Nothing in the user's own site folder comes before the environment's."""
    check = "user-site"
    folder = facts.interpreter.user_site
    if folder is None:
        return Finding(check, CheckStatus.OK, "this interpreter takes nothing from a user site")
    _listed_all(facts)
    inside = {dist.name: dist for dist in facts.distributions if dist.location == folder}
    paths = facts.interpreter.paths
    behind = paths[paths.index(folder) + 1 :] if folder in paths else ()
    shadowed = [
        (inside[dist.name], dist)
        for dist in facts.distributions
        if dist.location in behind and dist.name in inside
    ]
    why = "The user site comes first on the path: its packages hide the environment's own."
    source = "https://github.com/conda-forge/python-feedstock/issues/171"
    remedy = join_lines(
        [
            "export PYTHONNOUSERSITE=1",
            "or remove them: " + pip(facts, "uninstall", *sorted(inside)) if inside else "",
        ]
    )
    if shadowed:
        needed = graph_of(facts).needed(stack)
        serious = any(dist.name in needed for dist, _ in shadowed)
        return Finding(
            check,
            CheckStatus.FAIL if serious else CheckStatus.WARN,
            f"the user site hides {listed([dist.name for dist, _ in shadowed])} of the environment",
            why,
            join_lines(
                f"{mine.name} {mine.version} in {folder} hides {other.version} in {other.location}"
                for mine, other in shadowed
            ),
            remedy,
            source,
        )
    pinned = sorted(name for name in inside if stack.pin(name) and _found(facts, name) == folder)
    if pinned:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{listed(pinned)} come from the user site, not from the environment",
            why,
            join_lines(f"{name} {inside[name].version} in {folder}" for name in pinned),
            remedy,
            source,
        )
    return Finding(check, CheckStatus.OK, "the user site hides nothing", why, source=source)
