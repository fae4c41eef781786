"""Reads the catalogue of known failures of this stack: 40 rows, and the guide's own.

The rows are in `catalogue.toml`, which defines the fields. Each row names the check that
reports it, and its mark shows how it is tested: `staged` (made of real files on disk),
`facts only`, or `impossible here: why`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """One known failure: what it prints, why it happens, how it is detected and repaired."""

    number: int
    title: str
    messages: tuple[str, ...]  # patterns of what is printed; spaces in them don't count
    cause: str
    remedy: str
    mark: str
    sources: tuple[str, ...]
    commands: tuple[str, ...] = ()  # of the remedy, none with a gap: the first that works is typed
    detect: str = ""  # how the doctor sees it, for the guide
    check: str = ""  # the id that reports it, if one does
    beside: str = ""  # a pattern that must match in the same text
    unless: str = ""  # a pattern that must not
    frames: str = ""  # a pattern that one frame of the traceback must match, if it has any
    not_frames: str = ""  # a pattern that no frame may match
    raised_in: str = ""  # a pattern for the package whose file raised it, if that is known
    needs_frames: bool = False  # without frames to compare with the two above, no match
    build: bool = False  # it also happens where pip or uv builds a package, in its own environment
    in_build: bool = False  # it happens there alone
    outranks: tuple[int, ...] = ()  # less exact rows for the same failure
    notice: bool = False  # nothing is broken: listed after every failure
    weak: bool = False  # listed after every other row
    names: Mapping[str, str] = field(default_factory=dict)  # for {name}s that no group filled

    @property
    def kind(self) -> str:
        """`staged`, `facts only`, `text` or `impossible here`: the mark without its reason."""
        return self.mark.partition(":")[0]


@cache
def catalogue() -> tuple[Failure, ...]:
    """The 40 rows in order."""
    return _failures("row")


@cache
def guide() -> tuple[Failure, ...]:
    """Common troubles from the guide that no row of the forty covers: numbers above 40."""
    return _failures("guide")


@cache
def posted() -> tuple[Failure, ...]:
    """What else people of this stack post, beyond the checks: numbers from 101."""
    return tuple(Failure(**_row(row)) for row in _read("posted.toml")["row"])


@cache
def modules() -> Mapping[str, str]:
    """Distribution -> pattern of its module, if the two differ; "" if a row reports it."""
    return dict(_data()["modules"])


def missing_module_pattern(distributions: Iterable[str]) -> str:
    """An alternation of the modules of these distributions, but for those with their own row."""
    names = modules()
    patterns = {names.get(name, re.escape(name.replace("-", "_"))) for name in distributions}
    return "|".join(sorted(patterns - {""}))


@cache
def _data() -> dict[str, Any]:
    return _read("catalogue.toml")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))


def _failures(table: str) -> tuple[Failure, ...]:
    return tuple(Failure(**_row(row)) for row in _data()[table])


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _frozen(value) for name, value in row.items()}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
