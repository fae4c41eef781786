"""Finds the files of conda's packages whose distributions pip replaces, to be removed with them.

pip removes what a RECORD names. conda's record names more: programs, data, bytecode. And while
that record is there, conda takes the package for installed, and removes by it what pip has put in
the same places. So both go at once, as `conda remove --force` does it.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from parakeet_cli.doctor.facts import CondaRecord, Distribution, Facts, Unavailable
from parakeet_cli.doctor.inspect.packages.conda import MOST_RECORD
from parakeet_cli.system.regular_files import read_regular


@dataclass(frozen=True, slots=True)
class ReplacedPackage:
    """One of conda's packages that pip's distributions take the place of."""

    record: CondaRecord
    distributions: frozenset[str]  # those of its distributions that are replaced
    paths: tuple[str, ...]  # absolute, of files that no other distribution has; its record is last


def replaced_packages(facts: Facts, names: Collection[str]) -> tuple[ReplacedPackage, ...]:
    """conda's packages that hold one of these distributions."""
    if isinstance(facts.conda, Unavailable):
        return ()
    found = []
    for record in facts.conda:
        mine = frozenset(name for name, _ in record.distributions) & set(names)
        if mine:
            found.append(ReplacedPackage(record, mine, tuple(_paths(facts, record, mine))))
    return tuple(found)


def _paths(facts: Facts, record: CondaRecord, replaced: Collection[str]) -> Iterator[str]:
    prefix = facts.interpreter.prefix
    others = {
        one
        for dist in facts.distributions
        if any(dist.name == name for name, _ in record.distributions)
        and not (dist.conda and dist.name in replaced)
        for one in _recorded(dist, prefix)
    }
    for path in _records(prefix, record):
        names = (one for file in _files_of(path) for one in (file, *_bytecode(prefix, file)))
        for name in dict.fromkeys(names):
            if name not in others and _is_inside(prefix, name):
                yield f"{prefix}/{name}"
        yield str(path)


def _records(prefix: str, record: CondaRecord) -> list[Path]:
    """Its file in conda-meta: NAME-VERSION-BUILD.json, where no build has a hyphen."""
    start = f"{record.name}-{record.version}-"
    files = Path(prefix, "conda-meta").glob(f"{escape(start)}*.json")
    return sorted(one for one in files if "-" not in one.name[len(start) :])


def _is_inside(prefix: str, name: str) -> bool:
    """Whether it is there, and no folder on the way is a link that leads out."""
    path = f"{prefix}/{name}"
    folder = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
    top = os.path.realpath(prefix)
    return os.path.lexists(path) and (folder == top or folder.startswith(f"{top}/"))


def _files_of(record: Path) -> list[str]:
    """The files of a package, relative to the prefix; none that leads out of it."""
    try:
        listed = json.loads(read_regular(record, MOST_RECORD))["files"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []  # damaged since it was read: the record alone goes
    names = [os.path.normpath(str(one)) for one in listed]
    return [one for one in names if not one.startswith(("/", "..")) and one != "."]


def _bytecode(prefix: str, name: str) -> Iterator[str]:
    """What Python has compiled from a module since it was installed."""
    path = PurePosixPath(name)
    if path.suffix == ".py":
        cache = Path(prefix, path.parent, "__pycache__")
        for one in sorted(cache.glob(f"{path.stem}.*.pyc")):
            yield str(one.relative_to(prefix))


def _recorded(dist: Distribution, prefix: str) -> Iterable[str]:
    """The files that pip's RECORD names, relative to the prefix."""
    try:
        text = read_regular(Path(dist.info, "RECORD")).decode("utf-8", "surrogateescape")
    except OSError:
        return
    for row in csv.reader(text.splitlines()):
        if row:
            yield os.path.relpath(os.path.normpath(f"{dist.location}/{row[0]}"), prefix)
