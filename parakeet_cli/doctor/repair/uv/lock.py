"""Asks uv which files are installed for requirements: their sums and sizes, and what requires what.

The answer is a lock file (PEP 751), as uv writes it for one interpreter: of each version the wheels
that suit it, or the source. The annotations of a second answer say what requires each package.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.uv.configuration import UvSettings
from parakeet_cli.doctor.repair.uv.solve import Uv, UvFailed, run_all, write_requirements
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.system.safety.url_passwords import without_passwords

# `name==1.0    # via other, third, -r requirements.txt`
ANNOTATED = re.compile(r"^(?P<name>[^ =]+)==[^ ]+ +# via (?P<sources>.+)$")
ANNOTATIONS = ("--no-header", "--annotation-style", "line")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One version, and the files that it may be installed from."""

    name: str
    version: str
    url: str  # of the largest file
    hashes: tuple[str, ...]  # SHA-256 of its wheels or of its source; none if one isn't known
    size: int | None  # bytes of the largest file; None if the index doesn't say
    requires: tuple[str, ...]  # the names in the list that it requires


@dataclass(frozen=True, slots=True)
class RequirementList:
    """The lines of a requirements file."""

    lines: tuple[str, ...]
    complete: bool = False  # whether they are all that is installed, for each other
    alone: bool = False  # whether they are installed without what they require


def lock(uv: Uv, lists: Iterable[RequirementList], settings: UvSettings) -> list[LockedPackage]:
    """The versions and files of each list, as in an empty environment. Raises UvFailed."""
    locked: list[LockedPackage] = []
    with scratch_folder() as folder:
        commands: list[list[str]] = []
        answers: list[tuple[Path, Path]] = []
        for number, asked in enumerate(lists):
            file = write_requirements(folder, f"{number}.txt", settings, asked.lines)
            files, graph = folder / f"pylock.{number}.toml", folder / f"graph-{number}.txt"
            command = [*uv.command("compile", settings, asked.lines), "--quiet", str(file)]
            alone = ("--no-deps",) if asked.complete or asked.alone else ()
            commands.append([*command, *alone, "--format", "pylock.toml", "-o", str(files)])
            if not asked.alone:
                commands.append([*command, *ANNOTATIONS, "-o", str(graph)])
            answers.append((files, graph))
        run_all(commands, settings.variables)
        for files, graph in answers:
            locked += _read(files, graph)
    return locked


def _read(lock_file: Path, graph: Path) -> list[LockedPackage]:
    """The packages of a lock file. Raises UvFailed."""
    try:
        annotated = graph.read_text("utf-8") if graph.exists() else ""
        requires = _requires(annotated.splitlines())
        rows = tomllib.loads(lock_file.read_text("utf-8"))["packages"]
        return [_package(row, requires) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UvFailed("its lock file isn't understood") from error


def _package(row: dict[str, Any], requires: dict[str, list[str]]) -> LockedPackage:
    # A wheel is taken where there is one.
    files = row.get("wheels") or [row["sdist"]]
    largest = max(files, key=lambda file: file.get("size", 0))
    hashes = [file.get("hashes", {}).get("sha256") for file in files]
    name = normalized_name(str(row["name"]))
    return LockedPackage(
        name,
        str(row["version"]),
        without_passwords(str(largest["url"])),
        tuple(map(str, hashes)) if all(hashes) else (),
        largest.get("size"),
        tuple(requires.get(name, ())),
    )


def _requires(annotated: Iterable[str]) -> dict[str, list[str]]:
    """The names that each package requires, by its name."""
    requires: dict[str, list[str]] = {}
    for line in annotated:
        if match := ANNOTATED.match(line):
            for source in match["sources"].split(", "):
                requires.setdefault(source, []).append(match["name"])
    return requires
