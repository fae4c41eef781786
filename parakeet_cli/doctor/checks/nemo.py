"""Checks NeMo's declared requirements with the asr extra, and those of the stack."""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    count,
    join_names,
    pip_command,
    repair_remedy,
    requirement_texts,
)
from parakeet_cli.doctor.facts import FactUnavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_graph import Edge
from parakeet_cli.doctor.stack.stack import NEMO, Pin, Stack

CHECK = "nemo-requirements"
WHY = (
    "`import nemo` works without these packages; nemo.collections.asr, the part that "
    "transcribes, does not."
)
LINK = "https://github.com/NVIDIA-NeMo/Speech/tree/v2.4.0/requirements"


@dataclass(frozen=True, slots=True)
class UnmetRequirement:
    """A requirement that is missing or violated, who requires it, and the installed version."""

    name: str
    text: str  # the requirement as pip takes it
    required_by: str
    installed: str | None  # None if it is missing
    stage: int

    @property
    def line(self) -> str:
        if self.installed is None:
            return f"missing: {self.text} ({self.required_by})"
        return (
            f"outside its bounds: {self.name} {self.installed}, "
            f"required: {self.text} ({self.required_by})"
        )


def nemo_requirements(context: CheckContext) -> Finding:
    """Fails if a needed requirement is missing or a bound is violated."""
    facts = context.facts
    nemo = facts.installed(NEMO)
    if nemo is not None and nemo.problem:
        raise FactUnavailable(f"NeMo's requirements can't be read: {nemo.problem}")
    unmet = _unmet(context)
    unneeded = _unneeded(context)
    notes = [f"not needed, not installed: {name} ({why})" for name, why in unneeded.items()]
    if not unmet:
        declared = len(context.graph.requirements_of(NEMO))
        return Finding(
            CHECK,
            CheckStatus.OK,
            f"all of NeMo's needed requirements are met ({declared} declared, "
            f"{len(unneeded)} not needed and not installed)",
            WHY,
            join_lines(notes),
            source=LINK,
        )
    missing = list(dict.fromkeys(one.name for one in unmet if one.installed is None))
    violated = list(dict.fromkeys(one.name for one in unmet if one.installed is not None))
    parts = []
    if missing:
        parts.append(f"{count(len(missing), 'package')} missing: {join_names(missing, 4)}")
    if violated:
        parts.append(f"{count(len(violated), 'bound')} violated: {join_names(violated, 4)}")
    return Finding(
        CHECK,
        CheckStatus.FAIL,
        "; ".join(parts),
        WHY,
        join_lines([*(one.line for one in unmet), *notes]),
        repair_remedy(facts, _by_hand(context, [*missing, *violated])),
        LINK,
        tuple(sorted({one.stage for one in unmet})),
        packages=(*missing, *violated),
        missing=tuple(missing),
    )


def _unmet(context: CheckContext) -> list[UnmetRequirement]:
    """The first unmet requirement of each distribution: the stack's, NeMo's, then others'."""
    unmet: dict[tuple[str, bool], UnmetRequirement] = {}
    for one in (*_unmet_pins(context), *_unmet_by_nemo(context), *_unmet_by_others(context)):
        unmet.setdefault((one.name, one.installed is None), one)
    return list(unmet.values())


def _unmet_pins(context: CheckContext) -> list[UnmetRequirement]:
    """Pins without a check of their own; all that is missing in the last stage is named too."""
    stack, graph = context.stack, context.graph
    found = []
    for pin in stack.pins:
        version = graph.version(pin.name)
        missing_last = version is None and pin.stage == stack.stages[-1].number
        if pin.advice.id and not missing_last:
            continue
        if version is None or not pin.allows(version):
            required_by = _required_by(pin, graph.requirers_of(pin.name))
            found.append(
                UnmetRequirement(pin.name, pin.requirement.text, required_by, version, pin.stage)
            )
    return found


def _unmet_by_nemo(context: CheckContext) -> list[UnmetRequirement]:
    unneeded = context.stack.unneeded
    return [
        _unmet_edge(context, edge)
        for edge in context.graph.requirements_of(NEMO)
        if not edge.met_by(version := context.graph.version(edge.requirement.name))
        and not (version is None and edge.requirement.name in unneeded)
    ]


def _unmet_by_others(context: CheckContext) -> list[UnmetRequirement]:
    """What the needed distributions require, unless the target has a check of its own."""
    graph = context.graph
    own_check = {pin.name for pin in context.stack.pins if pin.advice.id}
    return [
        _unmet_edge(context, edge)
        for name in sorted(context.needed - {NEMO})
        for edge in graph.requirements_of(name)
        if edge.requirement.name not in own_check
        and not edge.met_by(graph.version(edge.requirement.name))
    ]


def _unmet_edge(context: CheckContext, edge: Edge) -> UnmetRequirement:
    name = edge.requirement.name
    pin = context.stack.pin(name)
    # The stack's own bound, if there is one, is the narrower of the two.
    text = pin.requirement.text if pin else f"{name}{edge.requirement.spec}"
    version = context.graph.version(name)
    return UnmetRequirement(name, text, edge.who, version, _stage(edge, context.stack))


def _required_by(pin: Pin, edges: tuple[Edge, ...]) -> str:
    """NeMo if it declares the requirement, else the stack."""
    nemo = next((edge for edge in edges if edge.requirer == NEMO), None)
    return nemo.who if nemo else f"the stack, {pin.file}"


def _stage(edge: Edge, stack: Stack) -> int:
    """The stage that installs it: its own, else its requirer's; NeMo's come last."""
    pin = stack.pin(edge.requirement.name)
    if pin is None and edge.requirer != NEMO:
        pin = stack.pin(edge.requirer)
    return pin.stage if pin else stack.stages[-1].number


def _unneeded(context: CheckContext) -> dict[str, str]:
    """What NeMo declares, doesn't need and is not installed: name -> reason."""
    names = dict.fromkeys(edge.requirement.name for edge in context.graph.requirements_of(NEMO))
    reasons = context.stack.unneeded
    return {
        name: reasons[name]
        for name in names
        if name in reasons and context.facts.installed(name) is None
    }


def _by_hand(context: CheckContext, names: list[str]) -> str:
    """One pip command. The stack's pins are its constraints unless they have extras.

    pip doesn't accept constraints with extras.
    """
    stack = context.stack
    has_extras = any(pin.requirement.extras for pin in stack.pins)
    constraints = [] if has_extras else ["-c", str(stack.files[-1])]
    texts = requirement_texts(names, stack)
    return pip_command(context.facts, "install", *constraints, *texts)
