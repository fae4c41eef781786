"""Explains one package: who requires it, what the stack says, whether all can be met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.stack.requirement_graph import Edge, RequirementGraph, smallest_conflict
from parakeet_cli.doctor.stack.stack import Pin, Stack
from parakeet_cli.system.ml_versions import normalized_name

SCHEMA = "parakeet.doctor.why/1"


@dataclass(frozen=True, slots=True)
class PackageReport:
    """All that is known of one distribution. `conflict` can't be met by one version."""

    package: str
    installed: str | None
    location: str
    pin: Pin | None
    stack: str
    unneeded: str
    edges: tuple[Edge, ...]
    conflict: tuple[tuple[str, str], ...]  # (who, bounds)

    @property
    def known(self) -> bool:
        """Whether it is installed, required or part of the stack."""
        return bool(self.location or self.pin or self.edges)

    @property
    def satisfied(self) -> bool:
        """Whether it is installed within every bound, or missing and not needed."""
        if self.conflict:
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
            "satisfiable": not self.conflict,
            "conflict": [{"who": who, "bounds": spec} for who, spec in self.conflict],
            "satisfied": self.satisfied,
        }


def explain(package: str, facts: Facts, stack: Stack) -> PackageReport:
    """All that is known of the distribution of that name, however it is spelled."""
    name = normalized_name(package)
    dist = facts.installed(name)
    pin = stack.pin(name)
    edges = RequirementGraph(facts).requirers_of(name)
    sides = [(edge.who, edge.requirement.spec) for edge in edges]
    if pin is not None:
        sides.insert(0, (f"stack {stack.name}", pin.spec))
    return PackageReport(
        package=name,
        installed=dist.version if dist else None,
        location=dist.location if dist else "",
        pin=pin,
        stack=stack.name,
        unneeded=stack.unneeded.get(name, ""),
        edges=edges,
        conflict=smallest_conflict(sides),
    )


def lines(report: PackageReport) -> Iterator[str]:
    """The report as people read it."""
    there = f"{report.installed} in {report.location}" if report.location else "not installed"
    yield f"{report.package}: {there}"
    yield ""
    yield from _stack_lines(report)
    yield ""
    yield from _requirer_lines(report)
    yield ""
    if report.conflict:
        yield "No version meets all of it. These can't be met together:"
        yield from (f"  {who} requires {report.package}{spec}" for who, spec in report.conflict)
    elif report.edges or report.pin:
        yield "All of it can be met by one version."


def _stack_lines(report: PackageReport) -> Iterator[str]:
    pin = report.pin
    if pin is None:
        yield f"Stack {report.stack} sets no bounds of its own."
    else:
        yield f"Stack {report.stack} requires {pin.name}{pin.spec}"
        yield f"  {pin.file}, stage {pin.stage}: {_mark(pin.allows(report.installed))}"
        labels = {"Why": pin.advice.why, "Impact": pin.advice.impact, "See": pin.advice.link}
        yield from (f"  {label}: {text}" for label, text in labels.items() if text)
    if report.unneeded:
        yield f"  NeMo declares it, but doesn't need it to transcribe: {report.unneeded}"


def _requirer_lines(report: PackageReport) -> Iterator[str]:
    if not report.edges:
        yield "Nothing that is installed requires it."
        return
    yield f"Required by {len(report.edges)}:"
    who_width = max(len(edge.who) for edge in report.edges)
    for edge in report.edges:
        extra = f"  [{edge.extra}]" if edge.extra else ""
        bounds = edge.requirement.spec or "any version"
        met = _mark(edge.met_by(report.installed))
        yield f"  {edge.who:{who_width}}  {bounds}{extra}: {met}"


def _mark(met: bool) -> str:
    return "met" if met else "NOT met"
