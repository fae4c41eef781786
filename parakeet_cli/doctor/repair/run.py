"""Runs a repair: an unhealthy environment ends as one that is proved, or as it was."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.checks.common import activated_elsewhere
from parakeet_cli.doctor.diagnose import select_checks
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.findings import Diagnosis, Finding
from parakeet_cli.doctor.inspect.interpreter import find_interpreter, read_interpreter
from parakeet_cli.doctor.repair.goal import repair_goal
from parakeet_cli.doctor.repair.indexes import choose_sources, named_sources
from parakeet_cli.doctor.repair.pip import Pip, PipFailed, find_pip
from parakeet_cli.doctor.repair.plan import Plan
from parakeet_cli.doctor.repair.preconditions import (
    check_environment,
    check_options,
    check_system,
    locked,
    refused_journals,
    refused_on_ctrl_c,
)
from parakeet_cli.doctor.repair.request import RepairOutcome, RepairRequest, RepairView
from parakeet_cli.doctor.repair.resolve import Resolution, Resolver, write_constraints
from parakeet_cli.doctor.repair.rollback.restore import (
    RETENTION_DAYS,
    RestoreIncomplete,
    prune,
    recover_locked,
)
from parakeet_cli.doctor.repair.transaction import (
    Interrupted,
    Transaction,
    interruptible,
    uninterruptible,
)
from parakeet_cli.doctor.repair.verify import (
    CheckedEnvironment,
    VerificationFailed,
    check,
    verify,
)
from parakeet_cli.doctor.repair.wheels import fetch
from parakeet_cli.doctor.stack.stack import load_stack, stack_names
from parakeet_cli.errors import Refused, RepairFailed, RestoreFailed
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.system.units import megabytes


@dataclass(frozen=True, slots=True)
class _Planned:
    """An environment before the repair, and what is to be done to it."""

    before: CheckedEnvironment
    pip: Pip
    resolution: Resolution

    @property
    def plan(self) -> Plan:
        return self.resolution.plan

    def outcome(
        self, findings: tuple[Finding, ...] | None = None, summary: str = ""
    ) -> RepairOutcome:
        """The outcome with these findings; without any, with those before the repair."""
        facts = self.before.facts
        diagnosis = Diagnosis(
            facts.interpreter.executable,
            self.before.stack.name,
            self.before.findings if findings is None else findings,
            deep_command=facts.doctor_command("--deep"),
        )
        return RepairOutcome(diagnosis, self.plan, summary)


def run_repair(request: RepairRequest, view: RepairView) -> RepairOutcome:
    """Repair an environment, or with `dry_run` plan that.

    Raises Refused, RepairFailed, RestoreFailed and UsageError, each with the state that the
    environment is in.
    """
    started = time.monotonic()
    check_options(request)
    if not request.dry_run:
        check_system()
    python = str(find_interpreter(request.diagnosis.python))
    target = read_interpreter(Path(python), os.environ)
    check_environment(target)
    # Names that don't exist are refused before anything takes long.
    select_checks(request.diagnosis.only, request.diagnosis.skip)
    stack = load_stack(request.diagnosis.stack or stack_names()[0])
    if request.torch_index is not None and (request.download or not request.wheelhouse):
        named_sources(stack, request.torch_index)  # which refuses an unknown one before all checks
    if request.dry_run:
        with refused_on_ctrl_c():
            planned = _plan(request, python, view)
            if request.download:
                _download(planned, request, view)
        return planned.outcome()
    with locked(target.prefix) as lock, refused_journals():
        # The command looked for interrupted repairs when it started, a moment ago.
        if _restored(lambda: bool(recover_locked(target.prefix))):
            view.show_status("An earlier repair was interrupted. Everything was put back.")
        with refused_on_ctrl_c():
            planned = _plan(request, python, view)
            if not planned.plan.steps:
                return planned.outcome()
            _ask_for_confirmation(request, view)
            prune(target.prefix)
        return _carry_out(planned, request, lock, view, started)


def _plan(request: RepairRequest, python: str, view: RepairView) -> _Planned:
    """Check the environment, make a plan and show it. Raises Refused."""
    view.show_status("Running all checks and importing every stage in a new process.")
    asked = request.diagnosis
    before = check(
        python,
        stack=asked.stack,
        usual_stack=asked.usual_stack,
        sample=asked.sample,
        options=asked.options,
    )
    ids = select_checks(asked.only, asked.skip)
    goal = repair_goal(
        [finding for finding in before.findings if finding.id in ids],
        before.facts,
        before.stack,
        reinstall=request.reinstall or request.download,
    )
    wheelhouse = None if request.download else request.wheelhouse
    sources = choose_sources(before.facts, before.stack, request.torch_index, wheelhouse)
    pip = find_pip(before.facts)
    if goal.empty:
        resolution = Resolution(Plan(), (), sources)
    else:
        _refuse_unsuitable_python(before)
        view.show_status("Finding out what has to be installed.")
        resolution = Resolver(
            pip,
            before.facts,
            goal,
            sources,
            constraints_file=write_constraints(before.stack, before.facts),
            on_progress=view.show_progress,
        ).resolve()
    if other := activated_elsewhere(before.facts):
        target = before.facts.interpreter.prefix
        view.show_status(f"This is for {target}, although this shell has activated {other.path}.")
    view.show_plan(resolution.plan)
    return _Planned(before, pip, resolution)


def _refuse_unsuitable_python(before: CheckedEnvironment) -> None:
    for finding in before.findings:
        if finding.id == "python-version" and not finding.healthy:
            raise Refused(f"{finding.summary}. Nothing was changed.", hint=finding.remedy)


def _download(planned: _Planned, request: RepairRequest, view: RepairView) -> None:
    folder = Path(request.wheelhouse or "").expanduser().absolute()
    view.show_status(f"Filling {folder}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder} can't be made: {error.strerror}") from error
    fetch(planned.pip, planned.resolution, folder, on_progress=view.show_progress)
    view.show_status(f"{folder} holds {len(planned.resolution.installs)} wheels.")


def _ask_for_confirmation(request: RepairRequest, view: RepairView) -> None:
    if request.yes:
        return
    answer = view.confirm()
    if answer is None:
        raise Refused(
            "No terminal to confirm on; nothing was changed.", hint="Add --yes to go ahead."
        )
    if not answer:
        raise Refused("Nothing was changed.")


def _carry_out(
    planned: _Planned, request: RepairRequest, lock: int, view: RepairView, started: float
) -> RepairOutcome:
    """Change the environment, or put it back. `started` is when the command began, planning
    included, on the monotonic clock: a person waited for all of it.
    """
    plan, facts = planned.plan, planned.before.facts
    work = Transaction(facts, planned.pip, planned.resolution, lock)
    try:
        with interruptible():
            view.show_status("Fetching: everything is there before anything is changed.")
            work.prepare(on_progress=view.show_progress)
            view.show_status("Taking a snapshot of what is there.")
            work.take_snapshot()
            for step in plan.steps:
                view.show_status(step.heading)
                work.carry_out(step, on_progress=view.show_progress)
            view.show_status("Verifying: running all checks again, in new processes.")
            work.begin_verifying()
            with scratch_folder() as bytecode:
                after = verify(planned.before, plan, request.diagnosis, bytecode=str(bytecode))
                work.take_bytecode(str(bytecode))
            work.complete(plan.summary)
    except Refused:
        _restored(work.undo)
        raise
    except BaseException as error:
        if work.changed:
            view.show_status("Putting everything back.")
        raise _failure(error, changed=_restored(work.undo)) from error
    stored = megabytes(work.snapshot_size())
    seconds = time.monotonic() - started
    summary = (
        f"Repaired in {seconds:.0f} s: {plan.summary}. "
        f"To go back: {_rollback_command(facts, request)} "
        f"({stored} are stored for that, for {RETENTION_DAYS} days)"
    )
    return planned.outcome(after, summary)


def _restored(undo: Callable[[], bool]) -> bool:
    """Restore, without interruption; whether anything had been changed. Raises RestoreFailed."""
    try:
        with uninterruptible():
            return undo()
    except RestoreIncomplete as error:
        raise RestoreFailed(str(error), hint="Try once more: parakeet doctor rollback") from error


def _failure(error: BaseException, *, changed: bool) -> Refused | RepairFailed:
    """The error to raise once everything was restored."""
    if isinstance(error, (Interrupted, KeyboardInterrupt)):
        why = f"Interrupted ({error})" if str(error) else "Interrupted"
    elif isinstance(error, PipFailed | VerificationFailed):
        why = str(error)
    else:
        why = f"{type(error).__name__}: {error}"
    if not changed:
        return Refused(f"{why}. Nothing was changed.")
    hint = "\n  ".join(error.output[-8:]) if isinstance(error, PipFailed) else None
    return RepairFailed(f"{why}. Everything was put back.", hint=hint)


def _rollback_command(facts: Facts, request: RepairRequest) -> str:
    named = "--python" in request.diagnosis.options
    python = ["--python", facts.interpreter.executable] if named else []
    return shlex.join(["parakeet", "doctor", "rollback", *python])
