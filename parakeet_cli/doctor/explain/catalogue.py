"""Reads the catalogue of known failures of this stack: 40 rows, and the guide's own.

The rows are in `catalogue.toml`, which defines the fields. Each row names the check that
reports it, and its mark shows how it is tested: `staged` (made of real files on disk),
`facts only`, or `impossible here: why`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    detect: str  # how the doctor sees it, for the guide
    remedy: str
    check: str  # the id that reports it
    mark: str
    sources: tuple[str, ...]
    beside: str = ""  # a pattern that must match in the same text
    frames: str = ""  # a pattern that one frame of the traceback must match, if it has any
    outranks: tuple[int, ...] = ()  # less exact rows for the same failure
    weak: bool = False  # listed after every other row

    @property
    def kind(self) -> str:
        """`staged`, `facts only` or `impossible here`: the mark without its reason."""
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
    return tomllib.loads((files(__package__) / "catalogue.toml").read_text(encoding="utf-8"))


def _failures(table: str) -> tuple[Failure, ...]:
    return tuple(
        Failure(**{name: _frozen(value) for name, value in row.items()}) for row in _data()[table]
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
