"""The graph of which installed distribution requires which, extras included.

`pip check` evaluates markers without extras and so finds 3 of the 26 problems of a broken
stack. Here an extra counts as soon as a distribution requires it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Distribution, Facts, Interpreter
from parakeet_cli.doctor.stack.requirement_strings import (
    Requirement,
    allows,
    parse_requirement,
    specifiers,
)
from parakeet_cli.doctor.stack.stack import NEMO, Stack

OR = re.compile(r"\bor\b")
EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
ONLY_EXTRA = re.compile(r"""\s*\(?\s*extra\s*==\s*["']([^"']+)["']\s*\)?\s*$""")
NEMO_EXTRA = "asr"


@dataclass(frozen=True, slots=True)
class Edge:
    """One active requirement of `requirer`. `extra` is the extra that activates it, or ""."""

    requirer: str
    requirer_version: str | None
    requirement: Requirement
    extra: str = ""

    @property
    def who(self) -> str:
        return f"{self.requirer} {self.requirer_version or '(version unknown)'}"

    def met_by(self, version: str | None) -> bool:
        return bool(version) and (
            not self.requirement.spec or allows(self.requirement.spec, version)
        )


class RequirementGraph:
    """All active requirements of an environment."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._dists: dict[str, Distribution] = {}
        for dist in facts.distributions:
            self._dists.setdefault(dist.name, dist)
        self._markers = _Markers(facts.interpreter)
        self._from = self._edges()
        self._to: dict[str, list[Edge]] = {}
        for edges in self._from.values():
            for edge in edges:
                self._to.setdefault(edge.requirement.name, []).append(edge)

    def requirers_of(self, name: str) -> tuple[Edge, ...]:
        """The edges that require the distribution, those with version bounds first."""
        edges = self._to.get(name, [])
        return tuple(sorted(edges, key=lambda edge: (not edge.requirement.spec, edge.requirer)))

    def requirements_of(self, name: str) -> tuple[Edge, ...]:
        """The edges for everything that the distribution requires."""
        return tuple(self._from.get(name, ()))

    def version(self, name: str) -> str | None:
        dist = self._dists.get(name)
        return dist.version if dist else None

    def needed(self, stack: Stack) -> frozenset[str]:
        """NeMo, what it needs, the stack's pins, and everything these require in turn."""
        reached = {NEMO} | {pin.name for pin in stack.pins}
        waiting = list(reached)
        while waiting:
            name = waiting.pop()
            for edge in self._from.get(name, ()):
                target = edge.requirement.name
                unneeded = name == NEMO and target in stack.unneeded
                if target not in reached and not unneeded:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    def _edges(self) -> dict[str, tuple[Edge, ...]]:
        """All active edges. A distribution is visited again when an edge requests a new extra."""
        extras: dict[str, set[str]] = {NEMO: {NEMO_EXTRA}}
        result: dict[str, tuple[Edge, ...]] = {}
        waiting = set(self._dists)
        while waiting:
            name = waiting.pop()
            edges = tuple(self._active(self._dists[name], frozenset(extras.get(name, ()))))
            result[name] = edges
            for edge in edges:
                target = edge.requirement.name
                new = edge.requirement.extras - extras.get(target, set())
                if new and target in self._dists:
                    extras.setdefault(target, set()).update(new)
                    waiting.add(target)
        return result

    def _active(self, dist: Distribution, extras: frozenset[str]) -> Iterator[Edge]:
        seen: set[str] = set()
        for text in dist.requires:
            requirement = parse_requirement(text)
            if requirement is None or requirement.text in seen:
                continue
            extra = self._markers.activating_extra(requirement.marker, extras)
            if extra is not None:
                seen.add(requirement.text)
                yield Edge(dist.name, dist.version, requirement, extra)


class _Markers:
    """Evaluates environment markers for the target interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._version = interpreter.version
        self._cache: dict[tuple[str, str], bool] = {}
        self._environment: dict[str, str] | None = None

    def activating_extra(self, marker: str, extras: frozenset[str]) -> str | None:
        """The extra that makes the marker true; "" if it needs none, None if it stays false."""
        if not marker:
            return ""
        simple = ONLY_EXTRA.match(marker)
        if simple:  # nine of ten markers; packaging's parser is slower
            only = str(simple[1])
            return only if only in extras else None
        named = set(EXTRA.findall(marker))
        if not named:
            return "" if self._is_true(marker, "") else None
        # A marker without "or" is false without its extra: most needn't be evaluated.
        candidates: list[str] = [""] if OR.search(marker) else []
        candidates += sorted(named & extras)
        for extra in candidates:
            if self._is_true(marker, extra):
                return extra
        return None

    def _is_true(self, marker: str, extra: str) -> bool:
        key = (marker, extra)
        if key not in self._cache:
            self._cache[key] = self._evaluate(marker, extra)
        return self._cache[key]

    def _evaluate(self, marker: str, extra: str) -> bool:
        from packaging.markers import InvalidMarker, Marker, default_environment

        if self._environment is None:
            environment = {key: str(value) for key, value in default_environment().items()}
            if self._version:
                environment["python_full_version"] = self._version
                environment["python_version"] = ".".join(self._version.split(".")[:2])
                environment["implementation_version"] = self._version
            self._environment = environment
        try:
            return bool(Marker(marker).evaluate({**self._environment, "extra": extra}))
        except InvalidMarker:
            return False  # a requirement with an invalid marker doesn't count


# Conflicts between bounds


def satisfiable(specs: Iterable[str]) -> bool:
    """Whether some version is within all of the bounds."""
    return _satisfiable(tuple(sorted({spec for spec in specs if spec})))


@lru_cache(maxsize=512)
def _satisfiable(specs: tuple[str, ...]) -> bool:
    sets = [specifiers(spec) for spec in specs]
    if any(bounds is None for bounds in sets):
        return False
    candidates = {
        candidate
        for bounds in sets
        if bounds is not None
        for clause in bounds
        for candidate in _around(clause.version)
    } | {Version("0"), Version("99999")}
    return any(
        all(bounds.contains(version, prereleases=True) for bounds in sets if bounds is not None)
        for version in candidates
    )


def _around(text: str) -> Iterator[Version]:
    """A bound, a release just above it and one just below it.

    A set of versions begins and ends only at bounds, so if some version is within all
    bounds, then one of these is.
    """
    try:
        version = Version(text.removesuffix(".*"))
    except InvalidVersion:
        return
    yield version
    release = list(version.release)
    yield Version(".".join(map(str, [*release, 0, 0, 1])))
    while release and release[-1] == 0:
        release.pop()
    if release:
        yield Version(".".join(map(str, [*release[:-1], release[-1] - 1, 99999])))


def smallest_conflict(edges: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """A minimal set of (who, bounds) that no version meets; empty if a version meets all."""
    conflict = [(who, spec) for who, spec in edges if spec]
    if satisfiable(spec for _, spec in conflict):
        return ()
    for edge in list(conflict):
        rest = [other for other in conflict if other is not edge]
        if not satisfiable(spec for _, spec in rest):
            conflict = rest
    return tuple(conflict)
