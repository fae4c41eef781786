"""NeMo's declared requirements with the asr extra, and the stack's own beside them."""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.doctor.checks.common import count, graph_of, listed, pip, repair
from parakeet_cli.doctor.facts import Facts, FactUnavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_graph import Edge
from parakeet_cli.doctor.stack.stack import NEMO, Pin, Stack

CHECK = "nemo-requirements"
WHY = (
    "`import nemo` works without any of this; nemo.collections.asr, the part that "
    "transcribes, does not."
)
LINK = "https://github.com/NVIDIA-NeMo/Speech/tree/v2.4.0/requirements"


@dataclass(frozen=True, slots=True)
class Want:
    """One thing wanted, by whom, and what is there instead."""

    name: str
    text: str  # the requirement as pip takes it
    by: str
    there: str | None
    stage: int

    @property
    def line(self) -> str:
        if self.there is None:
            return f"missing: {self.text} ({self.by})"
        return f"outside its bounds: {self.name} {self.there}, wanted: {self.text} ({self.by})"


def nemo_requirements(facts: Facts, stack: Stack) -> Finding:
    """Fails for a needed requirement that is missing and for a bound that is violated."""
    nemo = facts.installed(NEMO)
    if nemo is not None and nemo.problem:
        raise FactUnavailable(f"NeMo's requirements can't be read: {nemo.problem}")
    wants = _unmet(facts, stack)
    unneeded = _unneeded(facts, stack)
    notes = [f"not needed, not installed: {name} ({why})" for name, why in unneeded]
    declared = len(graph_of(facts).requirements_of(NEMO))
    if not wants:
        return Finding(
            CHECK,
            CheckStatus.OK,
            f"all of NeMo's needed requirements are met ({declared} declared, "
            f"{len(unneeded)} not needed and not there)",
            WHY,
            join_lines(notes),
            source=LINK,
        )
    missing = list(dict.fromkeys(want.name for want in wants if want.there is None))
    violated = list(dict.fromkeys(want.name for want in wants if want.there is not None))
    parts = [f"{count(len(missing), 'package')} missing: {listed(missing, 4)}"] if missing else []
    if violated:
        parts.append(f"{count(len(violated), 'bound')} violated: {listed(violated, 4)}")
    return Finding(
        CHECK,
        CheckStatus.FAIL,
        "; ".join(parts),
        WHY,
        join_lines([*(want.line for want in wants), *notes]),
        repair(facts, _by_hand(facts, stack, [*missing, *violated])),
        LINK,
        tuple(sorted({want.stage for want in wants})),
    )


def _unmet(facts: Facts, stack: Stack) -> list[Want]:
    """NeMo's own first, then the stack's beside it, then what those need in turn."""
    graph = graph_of(facts)
    needed = graph.needed(stack)
    unmet: dict[tuple[str, bool], Want] = {}

    def note(name: str, text: str, by: str, there: str | None, stage: int) -> None:
        unmet.setdefault((name, there is None), Want(name, text, by, there, stage))

    for pin in stack.pins:
        version = graph.version(pin.name)
        missing_last = version is None and pin.stage == stack.stages[-1].number
        if pin.advice.id and not missing_last:
            continue  # it has a check of its own; but all that stage 6 lacks is named here
        if version is None or not pin.allows(version):
            note(
                pin.name,
                pin.requirement.text,
                _by(pin, graph.requirers_of(pin.name)),
                version,
                pin.stage,
            )
    for edge in graph.requirements_of(NEMO):
        version = graph.version(edge.requirement.name)
        if not edge.met_by(version) and not (
            version is None and edge.requirement.name in stack.unneeded
        ):
            note(edge.requirement.name, _text(edge, stack), edge.who, version, _stage(edge, stack))
    own_ids = {pin.name for pin in stack.pins if pin.advice.id}
    for name in sorted(needed - {NEMO}):
        for edge in graph.requirements_of(name):
            target = edge.requirement.name
            version = graph.version(target)
            if target not in own_ids and not edge.met_by(version):
                note(target, _text(edge, stack), edge.who, version, _stage(edge, stack))
    return list(unmet.values())


def _by(pin: Pin, edges: tuple[Edge, ...]) -> str:
    """Who wants it, in a few words: NeMo where it says so, else the stack alone."""
    nemo = next((edge for edge in edges if edge.requirer == NEMO), None)
    return nemo.who if nemo else f"the stack, {pin.file}"


def _text(edge: Edge, stack: Stack) -> str:
    """The stack's own bound where it has one: it is the narrower of the two."""
    pin = stack.pin(edge.requirement.name)
    return pin.requirement.text if pin else f"{edge.requirement.name}{edge.requirement.spec}"


def _stage(edge: Edge, stack: Stack) -> int:
    """The stage that brings it: its own, else that of who wants it; NeMo's come last."""
    pin = stack.pin(edge.requirement.name)
    if pin is None and edge.requirer != NEMO:
        pin = stack.pin(edge.requirer)
    return pin.stage if pin else stack.stages[-1].number


def _unneeded(facts: Facts, stack: Stack) -> list[tuple[str, str]]:
    names = dict.fromkeys(edge.requirement.name for edge in graph_of(facts).requirements_of(NEMO))
    return [
        (name, stack.unneeded[name])
        for name in names
        if name in stack.unneeded and facts.installed(name) is None
    ]


def _by_hand(facts: Facts, stack: Stack, names: list[str]) -> str:
    """One pip run, held to every pin of the stack where pip can take them as constraints."""
    held = [] if any(pin.requirement.extras for pin in stack.pins) else ["-c", str(stack.files[-1])]
    texts = [pin.requirement.text if (pin := stack.pin(name)) else name for name in names]
    return pip(facts, "install", *held, *texts)
