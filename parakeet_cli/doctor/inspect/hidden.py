"""Finds the files that an import takes in the place of an installed distribution's.

Nothing is imported: the folders before a distribution's own on the path are listed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, HiddenModule, Interpreter

# Names that many projects have for folders of their own, and that no program imports.
COMMON = frozenset({"test", "tests", "doc", "docs", "example", "examples", "benchmarks", "scripts"})
STANDARD_LIBRARY = sys.stdlib_module_names - frozenset(sys.builtin_module_names) - COMMON


def read_hidden(
    target: Interpreter, distributions: Sequence[Distribution], working_folder: str
) -> tuple[HiddenModule, ...]:
    """What each folder hides that comes before the environment's own, in the path's order.

    `working_folder` comes first of all for `python -c`, `python -m` and scripts in it.
    """
    found = list(_local(target, distributions, working_folder))
    before = target.paths.index(target.site_packages) if _is_on_path(target) else 0
    for at, folder in enumerate(target.paths[:before]):
        later = set(target.paths[at + 1 :])
        owners = _owners(dist for dist in distributions if dist.location in later)
        # A copy of a distribution is found by its metadata.
        copies = {dist.name for dist in distributions if dist.location == folder}
        found.extend(_hidden_by(folder, dict.fromkeys(STANDARD_LIBRARY) | owners, copies))
    return tuple(found)


def _is_on_path(target: Interpreter) -> bool:
    return target.site_packages in target.paths


def _local(
    target: Interpreter, distributions: Sequence[Distribution], folder: str
) -> Iterator[HiddenModule]:
    if folder in target.paths or folder.startswith(f"{target.prefix}/"):
        return
    owners: dict[str, Distribution | None] = dict.fromkeys(STANDARD_LIBRARY)
    yield from _hidden_by(folder, owners | _owners(distributions), set(), local=True)


def _owners(
    distributions: Iterator[Distribution] | Sequence[Distribution],
) -> dict[str, Distribution | None]:
    """Top-level module -> the distribution that an import would find it in."""
    owners: dict[str, Distribution | None] = {}
    for dist in distributions:
        for module in dist.modules:
            if module not in COMMON:
                owners.setdefault(module, dist)
    return owners


def _hidden_by(
    folder: str,
    owners: Mapping[str, Distribution | None],
    copies: set[str],
    *,
    local: bool = False,
) -> Iterator[HiddenModule]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - hot
    except OSError:
        return  # nothing is imported from a folder that can't be listed
    for name in names:
        module = name.partition(".")[0]
        if module not in owners or not _is_imported(folder, name):
            continue
        owner = owners[module]
        if owner is None:
            yield HiddenModule(module, "", "", f"{folder}/{name}", folder, local)
        elif owner.name not in copies:
            version = owner.version or ""
            yield HiddenModule(module, owner.name, version, f"{folder}/{name}", folder, local)


def _is_imported(folder: str, name: str) -> bool:
    """Whether `import` takes it: a module, or a package. A folder without a file isn't one yet."""
    path = Path(folder, name)
    if name.endswith((".py", ".so")):
        return path.is_file()
    return "." not in name and (path / "__init__.py").is_file()
