"""Checks that no folder outside the environment hides what is installed in it."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    join_names,
    pip_command,
    require_listings,
)
from parakeet_cli.doctor.facts import Distribution, Facts, Interpreter, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines

WHY = "The user site comes first on the path: its packages hide the environment's own."
SOURCE = "https://github.com/conda-forge/python-feedstock/issues/171"


def user_site(context: CheckContext) -> Finding:
    """No package in the user's own site folder hides one of the environment."""
    if (hidden_first := _hidden_by_pth(context)) is not None:
        return hidden_first
    check = "user-site"
    facts, stack = context.facts, context.stack
    folder = facts.interpreter.user_site
    if folder is None:
        return Finding(check, CheckStatus.OK, "this interpreter uses no user site")
    require_listings(facts)
    inside = {dist.name: dist for dist in facts.distributions if dist.location == folder}
    remedy = join_lines(
        [
            "export PYTHONNOUSERSITE=1",
            "or remove them: " + pip_command(facts, "uninstall", *sorted(inside)) if inside else "",
        ]
    )
    hidden = _hidden_by(folder, inside, facts)
    if not hidden and (files := _hiding_files(folder, context)):
        return files
    if hidden:
        serious = any(dist.name in context.needed for dist in hidden)
        return Finding(
            check,
            CheckStatus.FAIL if serious else CheckStatus.WARN,
            f"the user site hides {join_names([dist.name for dist in hidden])} of the environment",
            WHY,
            join_lines(
                f"{dist.name} {inside[dist.name].version} in {folder} "
                f"hides {dist.version} in {dist.location}"
                for dist in hidden
            ),
            remedy,
            SOURCE,
            packages=tuple(dist.name for dist in hidden),
        )
    pinned = sorted(
        name
        for name in inside
        if stack.pin(name) and (first := facts.installed(name)) and first.location == folder
    )
    if pinned:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{join_names(pinned)} come from the user site, not from the environment",
            WHY,
            join_lines(f"{name} {inside[name].version} in {folder}" for name in pinned),
            remedy,
            SOURCE,
        )
    return Finding(check, CheckStatus.OK, "the user site hides nothing", WHY, source=SOURCE)


def _hiding_files(folder: str, context: CheckContext) -> Finding | None:
    """Modules in the user site, of no distribution, are taken for packages that are needed."""
    files = [
        one
        for one in require(context.facts.hidden)
        if one.folder == folder and not one.local and one.package in context.needed
    ]
    if not files:
        return None
    names = join_names([one.package for one in files])
    return Finding(
        "user-site",
        CheckStatus.FAIL,
        f"the user site hides {names} of the environment",
        WHY,
        join_lines(map(str, files)),
        "export PYTHONNOUSERSITE=1",
        SOURCE,
        packages=tuple(one.package for one in files),
    )


def _hidden_by(folder: str, inside: dict[str, Distribution], facts: Facts) -> list[Distribution]:
    """The distributions behind the folder on the path that are imported from it instead.

    An environment's own folder comes before the user site: what is in it isn't hidden.
    """
    paths = facts.interpreter.paths
    behind = paths[paths.index(folder) + 1 :] if folder in paths else ()
    taken = {name for name in inside if facts.installed(name) == inside[name]}
    return [dist for dist in facts.distributions if dist.location in behind and dist.name in taken]


def _hidden_by_pth(context: CheckContext) -> Finding | None:
    """A `.pth` file puts a folder before the environment's, whose files hide what is needed."""
    facts = context.facts
    before = _folders_before(facts.interpreter)
    lines, names, files = [], [], []
    for one in require(facts.hidden):
        of_python = not one.package and one.folder in before.first
        if one.folder in before.all and (of_python or one.package in context.needed):
            lines.append(f"{one} (by {before.all[one.folder]})")
            names.append(one.package or one.module)
            files.append(before.all[one.folder])
    for dist in facts.distributions:
        if dist.location in before.all and dist.name in context.needed:
            pth = before.all[dist.location]
            lines.append(f"{dist.name} {dist.version} in {dist.location} (by {pth})")
            names.append(dist.name)
            files.append(pth)
    if not lines:
        return None
    moves = [shlex.join(["mv", file, f"{file}.off"]) for file in dict.fromkeys(files)]
    return Finding(
        "user-site",
        CheckStatus.FAIL,
        f"a .pth file hides {join_names(list(dict.fromkeys(names)))} of the environment",
        "Its code puts a folder before all others: what is in there is imported instead.",
        join_lines(lines),
        " && ".join(moves),
        "https://docs.python.org/3/library/site.html",
        packages=tuple(dict.fromkeys(names)),
    )


class _FoldersBefore(NamedTuple):
    """Folder -> the `.pth` file that puts it before the environment's own on the path."""

    first: dict[str, str]  # before Python's own library too
    all: dict[str, str]


def _folders_before(target: Interpreter) -> _FoldersBefore:
    site = target.site_packages
    earlier = target.paths[: target.paths.index(site)] if site in target.paths else ()
    first = {folder: pth.path for pth in target.pth_files for folder in pth.first}
    added = {folder: pth.path for pth in target.pth_files for folder in pth.added}
    return _FoldersBefore(first, {f: p for f, p in (added | first).items() if f in earlier})
