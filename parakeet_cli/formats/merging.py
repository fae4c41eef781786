"""Manifests of shards or of retries put together to one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats.manifest import PATH_KEY

# What is known of an input, from best to worst; a line without a status is an input's own.
_STANDING = {"ok": 0, None: 1, "partial": 2, "skipped": 3, "failed": 4}
PREFERENCES = ("first", "last")


@dataclass(frozen=True, slots=True)
class Merged:
    """The lines, each with its newline, and how many repeated or were outdone by another."""

    lines: tuple[str, ...]
    repeated: int
    outdone: int


def merge(manifests: Sequence[Path], prefer: str | None = None) -> Merged:
    """One line an input (a path and, for a part of a file, its offset), in the order met.

    The same line twice is one. Of two that differ the better status wins, so that a
    retry's success replaces the failure. Two of the same status that differ are a conflict
    and refused (UsageError), unless `prefer` says which of them counts.
    """
    best: dict[tuple[str, float], tuple[dict[str, Any], Path]] = {}
    repeated = outdone = 0
    for path in manifests:
        for row in _rows(path):
            name = (row[PATH_KEY], float(row.get("offset") or 0.0))
            known = best.get(name)
            if known is None:
                best[name] = (row, path)
                continue
            if row == known[0]:
                repeated += 1
                continue
            old, new = _standing(known[0]), _standing(row)
            if old == new and prefer is None:
                raise UsageError(
                    f"{name[0]} stands in {known[1]} and in {path}, and not alike.",
                    hint="--prefer first or --prefer last says which of them counts.",
                )
            outdone += 1
            if new < old or (new == old and prefer == "last"):
                best[name] = (row, path)
    lines = tuple(f"{json.dumps(row, ensure_ascii=False)}\n" for row, _ in best.values())
    return Merged(lines, repeated, outdone)


def _standing(row: dict[str, Any]) -> int:
    return _STANDING.get(row.get("status"), 1)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _parsed(path, file)
    except OSError as error:
        raise InputError(f"The manifest {path} can't be read: {error.strerror}.") from error


def _parsed(path: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: it is not JSON ({error}).") from error
        if not isinstance(row, dict) or not isinstance(row.get(PATH_KEY), str):
            raise InputError(f"{path}, line {number}: it has no {PATH_KEY!r}.")
        yield row
