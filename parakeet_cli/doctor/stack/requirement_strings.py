"""Parses requirement strings quickly into name, extras, version bounds and marker.

A stack declares some 1,500 requirements, and the doctor examines a few dozen of them. So
one regular expression splits them all, and `packaging` parses only the examined ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from parakeet_cli.system.ml_versions import normalized_name

REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*"
    r"(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?:@\s*(?P<url>[^\s;]+)|\(?(?P<spec>(?:(?:===|[<>=!~]=|[<>])\s*[^\s,;()]+\s*,?\s*)*)\)?)\s*"
    r"(?:;\s*(?P<marker>.*))?$",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One parsed requirement. `text` is the requirement as written, without its marker."""

    name: str
    extras: frozenset[str]
    spec: str
    marker: str
    text: str


@lru_cache(maxsize=8192)
def parse_requirement(requirement: str) -> Requirement | None:
    """The parts of a requirement string, or None if it isn't one."""
    match = REQUIREMENT.match(requirement)
    if match is None:
        return None
    extras = frozenset(
        normalized_name(e.strip()) for e in (match["extras"] or "").split(",") if e.strip()
    )
    return Requirement(
        name=normalized_name(match["name"]),
        extras=extras,
        spec=(match["spec"] or "").strip().rstrip(","),
        marker=(match["marker"] or "").strip(),
        text=requirement.split(";", 1)[0].strip(),
    )


@lru_cache(maxsize=2048)
def specifiers(spec: str) -> SpecifierSet | None:
    """The version bounds, or None if they are invalid by PEP 440."""
    try:
        return SpecifierSet(spec, prereleases=True)
    except InvalidSpecifier:
        return None


def allows(spec: str, version: str | None) -> bool:
    """Whether the version is within the bounds. False if either is invalid."""
    bounds = specifiers(spec)
    if bounds is None or not version:
        return False
    try:
        return bounds.contains(version, prereleases=True)
    except ValueError:  # InvalidVersion
        return False
