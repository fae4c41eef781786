"""Diagnoses an interpreter: gathers the facts, runs the checks, returns a Diagnosis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.checks import CHECKS, run_checks, run_few_checks
from parakeet_cli.doctor.checks.presence import STACK_INSTALLED, nothing_installed
from parakeet_cli.doctor.facts import Facts, Sample, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Diagnosis, Finding, RequirementRow, StageRows
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.stack.stack import NEMO, Pin, Stack, choose_stack
from parakeet_cli.errors import UsageError

NO_SAMPLE = Unavailable("none was named")


@dataclass(frozen=True, slots=True)
class DiagnosisRequest:
    """What to diagnose: which Python, by which stack, with which checks, and how deep."""

    python: str
    stack: str | None = None
    usual_stack: str | None = None  # the environment's own, where neither NeMo nor `stack` says
    only: Collection[str] = ()
    skip: Collection[str] = ()
    deep: bool = False
    sample: Sample | Unavailable = NO_SAMPLE  # transcribed if `deep`
    mock: str | None = None  # why no ML package is needed, if so
    options: tuple[str, ...] = ()  # to repeat in the commands that are shown
    environment: Mapping[str, str] | None = None
    cache_folder: Path | None = None


def select_checks(only: Collection[str], skip: Collection[str]) -> tuple[str, ...]:
    """The ids to run, in the table's order. Raises UsageError for an unknown id."""
    for named in (*only, *skip):
        if named not in CHECKS:
            raise UsageError(
                f"There is no check {named}.", hint="List them all: parakeet doctor --list"
            )
    ids = tuple(id_ for id_ in CHECKS if (not only or id_ in only) and id_ not in skip)
    if not ids:
        raise UsageError("No check is left to run.", hint="Name fewer with --skip.")
    return ids


def examine(request: DiagnosisRequest) -> tuple[Facts, Stack]:
    """The facts, and the stack to check them against."""
    facts = gather_facts(
        request.python,
        environment=request.environment,
        cache_folder=request.cache_folder,
        mock=request.mock,
        options=request.options,
        deep=request.deep and not request.mock,
    )
    nemo = facts.installed(NEMO)
    return facts, choose_stack(nemo.version if nemo else None, request.stack or request.usual_stack)


def diagnose(request: DiagnosisRequest) -> Diagnosis:
    """Run the checks. Raises UsageError for an unknown check, stack or interpreter.

    Where nothing of the stack is installed that is all there is to say, unless checks are
    asked for by name.
    """
    ids = select_checks(request.only, request.skip)
    facts, stack = examine(request)
    if STACK_INSTALLED in ids and not facts.mock and nothing_installed(facts):
        found = make_diagnosis(facts, stack, run_few_checks(facts, stack, ids))
        return replace(found, stages=())
    if request.deep and not request.mock:
        from parakeet_cli.doctor.probes.runner import run_probes

        facts = replace(facts, probes=run_probes(facts, stack, ids, request.sample))
    diagnosis = make_diagnosis(facts, stack, run_checks(facts, stack, ids))
    return replace(diagnosis, stages=()) if request.only else diagnosis


def make_diagnosis(facts: Facts, stack: Stack, findings: tuple[Finding, ...]) -> Diagnosis:
    """The findings with the table of what is required and what is installed."""
    notes = []
    if not isinstance(facts.binaries, Unavailable) and facts.binaries.cache_problem:
        notes.append(facts.binaries.cache_problem)
    return Diagnosis(
        python=facts.interpreter.executable,
        stack=stack.name,
        findings=findings,
        stages=() if facts.mock else tuple(_rows(facts, stack, findings)),
        notes=tuple(notes),
        deep_command=facts.doctor_command("--deep"),
        has_pip=facts.installed("pip") is not None,
    )


def _rows(facts: Facts, stack: Stack, findings: tuple[Finding, ...]) -> list[StageRows]:
    by_id = {finding.id: finding.status for finding in findings}
    return [
        StageRows(stage.number, stage.title, tuple(_row(facts, pin, by_id) for pin in stage.pins))
        for stage in stack.stages
    ]


def _row(facts: Facts, pin: Pin, by_id: Mapping[str, CheckStatus]) -> RequirementRow:
    """The status is that of the requirement's own check, if it has one."""
    dist = facts.installed(pin.name)
    version = dist.version if dist else None
    suits = CheckStatus.OK if dist and pin.allows(version) else CheckStatus.FAIL
    status = by_id.get(pin.advice.id, suits) if suits is CheckStatus.OK else suits
    installed = version or ("unreadable" if dist else "")
    return RequirementRow(pin.stage, pin.name, pin.spec or "any", installed, status)
