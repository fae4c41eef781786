"""What the checks share: the requirement graph, remedies, and how evidence is listed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.stack.requirement_graph import Edge, RequirementGraph, smallest_conflict
from parakeet_cli.doctor.stack.stack import Pin, Stack

Judge = Callable[[Facts, Stack], Finding]

_last: tuple[Facts, RequirementGraph] | None = None


def graph_of(facts: Facts) -> RequirementGraph:
    """The graph of these facts, made once however many checks ask for it."""
    global _last
    if _last is None or _last[0] is not facts:
        _last = (facts, RequirementGraph(facts))
    return _last[1]


def pip(facts: Facts, *arguments: str) -> str:
    """The pip command for this interpreter, quoted for a shell."""
    return shlex.join([facts.interpreter.executable, "-m", "pip", *arguments])


def repair(facts: Facts, *by_hand: str) -> str:
    """What to type: the doctor's own repair first, then the same by hand."""
    return "\n".join([facts.repair_command, *(f"by hand: {command}" for command in by_hand)])


def install(facts: Facts, pins: Iterable[Pin], *flags: str) -> str:
    """The by-hand command that installs these requirements."""
    return pip(facts, "install", *flags, *(pin.requirement.text for pin in pins))


def listed(items: Sequence[str], most: int = 6) -> str:
    """ "a, b and c", or the first few and how many more."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    if len(items) > 1:
        return f"{', '.join(items[:-1])} and {items[-1]}"
    return "".join(items)


def count(number: int, word: str, plural: str = "") -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"


def bounds(pin: Pin) -> str:
    """The name with its bounds, or the name alone where any version will do."""
    return f"{pin.name}{pin.spec}"


def edge_lines(edges: Iterable[Edge], version: str | None) -> list[str]:
    """Who requires what, a line an edge, and whether what is there meets it."""
    lines = []
    for edge in edges:
        via = f" [{edge.extra}]" if edge.extra else ""
        met = "met" if edge.met_by(version) else "NOT met"
        lines.append(f"{edge.who}{via} wants {edge.requirement.name}{edge.requirement.spec}: {met}")
    return lines


def intersection(name: str, pin: Pin | None, edges: Iterable[Edge]) -> str:
    """Whether one version could meet all of it, and if none, who stands against whom."""
    sides = [(edge.who, edge.requirement.spec) for edge in edges]
    if pin is not None:
        sides.insert(0, ("the stack", pin.spec))
    empty = smallest_conflict(sides)
    if not empty:
        return ""
    against = " against ".join(f"{name}{spec} ({who})" for who, spec in empty)
    return f"no version of {name} meets all of it: {against}"
