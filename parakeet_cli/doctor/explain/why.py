"""`why PACKAGE`: everyone who asks for it, what the stack says, whether all can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.stack.requirement_graph import Edge, RequirementGraph, smallest_conflict
from parakeet_cli.doctor.stack.stack import Pin, Stack
from parakeet_cli.system.ml_versions import normalized_name

SCHEMA = "parakeet.doctor.why/1"


@dataclass(frozen=True, slots=True)
class Why:
    """All that bears on one distribution. `core` is who can't be satisfied together."""

    package: str
    installed: str | None
    location: str
    pin: Pin | None
    stack: str
    unneeded: str
    edges: tuple[Edge, ...]
    core: tuple[tuple[str, str], ...]

    @property
    def known(self) -> bool:
        """Whether anything installs it, wants it or names it."""
        return bool(self.location or self.pin or self.edges)

    @property
    def satisfied(self) -> bool:
        """It is there, or nothing but what is unneeded asks for it, and every bound is kept."""
        if self.core:
            return False
        if self.installed is None:
            return self.pin is None and (bool(self.unneeded) or not self.edges)
        pinned = self.pin is None or self.pin.allows(self.installed)
        return pinned and all(edge.met_by(self.installed) for edge in self.edges)

    def as_json(self) -> dict[str, object]:
        pin = self.pin
        return {
            "schema": SCHEMA,
            "package": self.package,
            "installed": self.installed,
            "location": self.location or None,
            "stack": self.stack,
            "pin": None
            if pin is None
            else {
                "requirement": pin.requirement.text,
                "stage": pin.stage,
                "file": pin.file,
                "why": pin.advice.why,
                "impact": pin.advice.impact,
                "source": pin.advice.link,
            },
            "unneeded": self.unneeded or None,
            "required_by": [
                {
                    "name": edge.requirer,
                    "version": edge.requirer_version,
                    "requirement": f"{edge.requirement.name}{edge.requirement.spec}",
                    "extra": edge.extra or None,
                    "met": edge.met_by(self.installed),
                }
                for edge in self.edges
            ],
            "satisfiable": not self.core,
            "conflict": [{"who": who, "bounds": spec} for who, spec in self.core],
            "satisfied": self.satisfied,
        }


def explain(package: str, facts: Facts, stack: Stack) -> Why:
    """Everything that bears on the distribution of that name, however it is spelled."""
    name = normalized_name(package)
    dist = facts.installed(name)
    pin = stack.pin(name)
    edges = RequirementGraph(facts).requirers_of(name)
    sides = [(edge.who, edge.requirement.spec) for edge in edges]
    if pin is not None:
        sides.insert(0, (f"stack {stack.name}", pin.spec))
    return Why(
        package=name,
        installed=dist.version if dist else None,
        location=dist.location if dist else "",
        pin=pin,
        stack=stack.name,
        unneeded=stack.unneeded.get(name, ""),
        edges=edges,
        core=smallest_conflict(sides),
    )


def lines(why: Why) -> Iterator[str]:
    """The answer as people read it."""
    there = f"{why.installed} in {why.location}" if why.location else "not installed"
    yield f"{why.package}: {there}"
    yield ""
    if why.pin is not None:
        yield f"Stack {why.stack} wants {why.pin.name}{why.pin.spec}"
        yield f"  {why.pin.file}, stage {why.pin.stage}: {_mark(why.pin.allows(why.installed))}"
        if why.pin.advice.why:
            yield f"  Why: {why.pin.advice.why}"
        if why.pin.advice.impact:
            yield f"  Impact: {why.pin.advice.impact}"
        if why.pin.advice.link:
            yield f"  See: {why.pin.advice.link}"
    else:
        yield f"Stack {why.stack} sets no bounds of its own."
    if why.unneeded:
        yield f"  NeMo declares it, but doesn't need it to transcribe: {why.unneeded}"
    yield ""
    if why.edges:
        yield f"Required by {len(why.edges)}:"
        who_width = max(len(edge.who) for edge in why.edges)
        for edge in why.edges:
            extra = f"  [{edge.extra}]" if edge.extra else ""
            bounds = edge.requirement.spec or "any version"
            met = _mark(edge.met_by(why.installed))
            yield f"  {edge.who:{who_width}}  {bounds}{extra}: {met}"
    else:
        yield "Nothing that is installed requires it."
    yield ""
    if why.core:
        yield "No version meets all of it. These can't be had together:"
        yield from (f"  {who} wants {why.package}{spec}" for who, spec in why.core)
    elif why.edges or why.pin:
        yield "All of it can be met by one version."


def _mark(met: bool) -> str:
    return "met" if met else "NOT met"
