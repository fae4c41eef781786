"""The use case: an unhealthy environment in; a proven one, or the same one, out."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from parakeet_cli.doctor.diagnose import DiagnosisRequest, select_checks
from parakeet_cli.doctor.facts import Facts, Interpreter
from parakeet_cli.doctor.findings import Diagnosis, Finding
from parakeet_cli.doctor.inspect.interpreter import find_interpreter, read_interpreter
from parakeet_cli.doctor.repair.indexes import sources
from parakeet_cli.doctor.repair.pip import Pip, PipFailed, find, in_place
from parakeet_cli.doctor.repair.plan import (
    FIXES,
    PROBE,
    REMOVAL,
    TORCH,
    TORCH_STAGE_IDS,
    Plan,
    constraints,
    goal_of,
)
from parakeet_cli.doctor.repair.resolve import Resolution, Resolver
from parakeet_cli.doctor.repair.rollback import snapshot
from parakeet_cli.doctor.repair.rollback.journal import environment_lock, journals
from parakeet_cli.doctor.repair.rollback.restore import (
    RETENTION_DAYS,
    RestoreIncomplete,
    prune,
    recover_locked,
)
from parakeet_cli.doctor.repair.transaction import (
    Interrupted,
    Transaction,
    interruptions,
    undisturbed,
)
from parakeet_cli.doctor.repair.verify import (
    Look,
    NoProof,
    check_again,
    look,
    objections,
    still_starts,
)
from parakeet_cli.doctor.repair.wheels import fetch
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import ExitCode, Refused, RepairFailed, RestoreFailed, UsageError
from parakeet_cli.system.locks import LockHeld


@dataclass(frozen=True, slots=True)
class Options:
    """How a repair is to go about it."""

    dry_run: bool = False
    yes: bool = False
    reinstall: bool = False
    download: bool = False
    torch_index: str | None = None
    wheelhouse: str | None = None


class RepairView(Protocol):
    """Who is told what happens, and asked."""

    def say(self, text: str) -> None:
        """A line about what happens now."""

    def pip(self, line: str) -> None:
        """A line of pip's."""

    def plan(self, plan: Plan, facts: Facts) -> None:
        """The plan, before anything happens."""

    def confirm(self) -> bool | None:
        """The person's answer; None where there is nobody to ask."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: the exit code, what is the case now, and what was planned."""

    code: ExitCode
    diagnosis: Diagnosis
    plan: Plan
    summary: str = ""
    facts: Facts | None = None


def repair(request: DiagnosisRequest, options: Options, view: RepairView) -> Outcome:
    """Raises Refused, RepairFailed, RestoreFailed and UsageError; each says what is the case."""
    _sensible(options)
    python = str(find_interpreter(request.python))
    target = read_interpreter(Path(python), os.environ)
    refuse(target, request)
    ids = select_checks((), ())
    wanted = set(select_checks(request.only, request.skip))
    if request.stack:
        load_stack(request.stack)
    if options.dry_run:
        with _nothing_touched():
            seen = _look(request, python, ids, view)
            _, resolution = _planned(seen, request, options, wanted, python, view)
            view.plan(resolution.plan, seen.facts)
            if options.download:
                _download(seen, resolution, options, view)
        return _outcome(seen, resolution.plan, seen.findings)
    with _locked(target.prefix) as lock:
        _recover(target.prefix, view)
        with _nothing_touched():
            seen = _look(request, python, ids, view)
            pip, resolution = _planned(seen, request, options, wanted, python, view)
            view.plan(resolution.plan, seen.facts)
            if not resolution.plan.steps:
                return _outcome(seen, resolution.plan, seen.findings)
            _confirmed(options, view)
            prune(target.prefix)
        return _repaired(seen, pip, resolution, request, lock, view)


def refuse(target: Interpreter, request: DiagnosisRequest) -> None:
    """Only a virtual or named conda environment, one that starts and can be written."""
    new = "python3 -m venv parakeet-ml, then: parakeet doctor --fix --python parakeet-ml/bin/python"
    if target.problem:
        raise Refused(
            f"{target.executable} can't start: {target.problem}. Nothing was touched.",
            hint=f"Make the environment anew: {new}",
        )
    if target.kind not in ("venv", "conda"):
        what = "conda's base environment" if target.kind == "conda-base" else "a base Python"
        raise Refused(
            f"{target.executable} is {what}; programs beside the ML stack depend on it. "
            "Nothing was touched.",
            hint="Repair an environment of its own: "
            + ("conda create -n parakeet python=3.11" if target.kind == "conda-base" else new),
        )
    for folder in (target.prefix, target.site_packages):
        if not os.access(folder, os.W_OK):
            raise Refused(
                f"{folder} can't be written. Nothing was touched.",
                hint="Run this as the user it belongs to, or make an environment of your own.",
            )


@contextmanager
def _nothing_touched() -> Iterator[None]:
    """Ctrl-C before anything has begun is a No."""
    try:
        yield
    except KeyboardInterrupt:
        raise Refused("Interrupted. Nothing was touched.") from None


def _sensible(options: Options) -> None:
    if options.download and not (options.wheelhouse and options.dry_run):
        raise UsageError(
            "--download fills a wheelhouse and changes nothing else.",
            hint="parakeet doctor --dry-run --download --wheelhouse DIR",
        )
    house = options.wheelhouse
    if house and not options.download and not Path(house).expanduser().is_dir():
        raise UsageError(
            f"There is no folder {house}.",
            hint=f"Fill it where there is a network: parakeet doctor --dry-run --download "
            f"--wheelhouse {house}",
        )


@contextmanager
def _locked(prefix: str) -> Iterator[int]:
    try:
        with environment_lock(prefix) as descriptor:
            yield descriptor
    except LockHeld:
        raise Refused(
            f"Another repair of {prefix} is at work. Nothing was touched.",
            hint="Wait until it has ended.",
        ) from None


def _recover(prefix: str, view: RepairView) -> None:
    """What an earlier repair left half done, though the hook looked only a moment ago."""
    if _undone(lambda: bool(recover_locked(prefix))):
        view.say("An earlier repair was interrupted. Everything was put back.")


def _look(request: DiagnosisRequest, python: str, ids: tuple[str, ...], view: RepairView) -> Look:
    view.say("Looking: all checks, and every stage imported in a new process.")
    return look(
        python,
        stack=request.stack,
        ids=ids,
        sample=request.sample,
        options=request.options,
    )


def _planned(
    seen: Look,
    request: DiagnosisRequest,
    options: Options,
    wanted: set[str],
    python: str,
    view: RepairView,
) -> tuple[Pip, Resolution]:
    findings = [finding for finding in seen.findings if finding.id in wanted]
    version = next((f for f in seen.findings if f.id == "python-version" and not f.healthy), None)
    goal = goal_of(
        findings, seen.facts, seen.stack, reinstall=options.reinstall or options.download
    )
    house = None if options.download else options.wheelhouse
    where = sources(seen.facts, seen.stack, options.torch_index, house)
    pip = find(seen.facts)
    if version is not None and not goal.empty:
        raise Refused(f"{version.summary}. Nothing was touched.", hint=version.remedy)
    if goal.empty:
        return pip, Resolution(Plan(), (), where, ())
    view.say("Asking pip what that takes.")
    resolver = Resolver(
        pip,
        seen.facts,
        goal,
        where,
        constraints_file=_constraints_file(seen),
        listen=view.pip,
    )
    return pip, resolver.resolve()


def _constraints_file(seen: Look) -> Path:
    """All pins where the shown commands find them, now and when typed by hand."""
    from platformdirs import user_cache_path

    path = user_cache_path("parakeet") / f"constraints-{seen.stack.name}.txt"
    lines = constraints(seen.stack, seen.facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
    except OSError:
        return seen.stack.files[-1]
    return path


def _download(seen: Look, resolution: Resolution, options: Options, view: RepairView) -> None:
    folder = Path(options.wheelhouse or "").expanduser().absolute()
    view.say(f"Filling {folder}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder} can't be made: {error.strerror}") from error
    fetch(find(seen.facts), resolution, folder, listen=view.pip)
    view.say(f"{folder} holds {len(resolution.installs)} wheels.")


def _confirmed(options: Options, view: RepairView) -> None:
    if options.yes:
        return
    answer = view.confirm()
    if answer is None:
        raise Refused(
            "There is nobody to ask, so nothing was touched.", hint="Add --yes to go ahead."
        )
    if not answer:
        raise Refused("Nothing was touched.")


def _repaired(
    seen: Look,
    pip: Pip,
    resolution: Resolution,
    request: DiagnosisRequest,
    lock: int,
    view: RepairView,
) -> Outcome:
    began = time.monotonic()
    work = Transaction(seen.facts, pip, resolution, lock)
    try:
        with interruptions():
            view.say("Fetching: everything is made into wheels before anything is changed.")
            work.prepare(listen=view.pip)
            view.say("Keeping what is there.")
            work.keep()
            for step in resolution.plan.steps:
                view.say(f"{step.stage}  {step.title}" if step.stage else step.title)
                work.carry_out(step, listen=view.pip)
            view.say("Proving: all checks again, in new processes.")
            work.proving()
            after = _proven(seen, resolution, request)
            taken = time.monotonic() - began
            summary = _summary(resolution.plan)
            work.stand(summary)
    except Refused:
        _undone(work.undo)
        raise
    except BaseException as error:
        _failed(error, work, view)
    named = ["--python", seen.facts.interpreter.executable] if "--python" in request.options else []
    back = shlex.join(["parakeet", "doctor", "rollback", *named])
    size = snapshot.exclusive_size(journals(work.prefix)[-1].snapshot)
    text = (
        f"Repaired in {taken:.0f} s: {summary}. To go back: {back} "
        f"({size / 1e6:.0f} MB are kept for that, {RETENTION_DAYS} days)"
    )
    return _outcome(seen, resolution.plan, after, text)


def _proven(seen: Look, resolution: Resolution, request: DiagnosisRequest) -> tuple[Finding, ...]:
    after = check_again(
        seen.facts.interpreter.executable,
        stack=seen.stack.name,
        ids=select_checks((), ()),
        sample=request.sample,
        options=request.options,
    )
    against = objections(seen.findings, after, promised(seen, resolution.plan))
    if in_place(seen.facts) and (why := still_starts()):
        against.append(f"parakeet itself would no longer start: {why}")
    if against:
        raise NoProof("; ".join(against))
    return after


def promised(seen: Look, plan: Plan) -> frozenset[str]:
    """The findings that these steps are to mend: those of their stages, and the imports."""
    stages = {step.stage for step in plan.steps}
    torch = any(change.name == TORCH for change in plan.changes)
    return frozenset(
        finding.id
        for finding in seen.findings
        if finding.id in plan.ids
        and (
            finding.id == PROBE
            or stages & set(finding.stages)
            or (REMOVAL in stages and finding.id in FIXES)
        )
        and (torch or finding.id not in TORCH_STAGE_IDS)
    )


def _failed(error: BaseException, work: Transaction, view: RepairView) -> None:
    """Puts everything back and says why. Never returns."""
    if work.changed:
        view.say("Putting everything back.")
    changed = _undone(work.undo)
    if isinstance(error, (Interrupted, KeyboardInterrupt)):
        why = f"Interrupted ({error})" if str(error) else "Interrupted"
    elif isinstance(error, PipFailed | NoProof):
        why = str(error)
    else:
        why = f"{type(error).__name__}: {error}"
    if not changed:
        raise Refused(f"{why}. Nothing was touched.") from error
    hint = "\n  ".join(error.said[-8:]) if isinstance(error, PipFailed) else None
    raise RepairFailed(f"{why}. Everything was put back.", hint=hint) from error


def _undone(undo: Callable[[], bool | None]) -> bool:
    try:
        with undisturbed():
            return bool(undo())
    except RestoreIncomplete as error:
        raise RestoreFailed(str(error), hint="Try once more: parakeet doctor rollback") from error


def _summary(plan: Plan) -> str:
    """Every change where they are few, else how many there are."""
    parts = [
        f"{change.name} {change.before or 'new'} → {change.after}"
        if change.before != change.after
        else f"{change.name} {change.after} anew"
        for change in plan.changes
    ]
    if len(parts) <= 6:
        return ", ".join(parts) or "leftovers removed"
    new = sum(change.before is None for change in plan.changes)
    changed = len(parts) - new
    said = [f"{changed} package{'s' if changed > 1 else ''} changed"] if changed else []
    return ", ".join([*said, *([f"{new} added"] if new else [])])


def _outcome(seen: Look, plan: Plan, findings: tuple[Finding, ...], summary: str = "") -> Outcome:
    facts = seen.facts
    diagnosis = Diagnosis(
        facts.interpreter.executable,
        seen.stack.name,
        findings,
        deeper=facts.doctor_command("--deep"),
    )
    code = ExitCode.OK if diagnosis.healthy else ExitCode.FAILED
    return Outcome(code, diagnosis, plan, summary, facts)
