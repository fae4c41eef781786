"""Prints what a repair and a rollback ask and report; functions that judge return the exit code."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.cli.doctor.repair_screen import RepairScreen
from parakeet_cli.cli.own_command import own_command
from parakeet_cli.console import Verbosity
from parakeet_cli.doctor.causes import find_causes
from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.explain.remedy import Shell
from parakeet_cli.doctor.explain.text import remedy_lines, style_of, wrapped
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.inspect.interpreter import find_interpreter, read_interpreter
from parakeet_cli.doctor.repair.preconditions import check_system, refused_journals
from parakeet_cli.doctor.repair.request import RepairOutcome, RepairRequest
from parakeet_cli.doctor.repair.rollback.restore import (
    ChangedSinceRepair,
    RestoreIncomplete,
    restore_points,
    rollback,
)
from parakeet_cli.doctor.repair.run import run_repair
from parakeet_cli.errors import ExitCode, Refused, RestoreFailed
from parakeet_cli.system.locks import LockHeld
from parakeet_cli.system.units import megabytes

REPAIR = "parakeet doctor --fix"  # what has just been done


def show_repair(request: RepairRequest, *, as_json: bool, verbose: bool) -> int:
    """The plan, the question, a line for each step, and how it ended."""
    console.set_verbosity(Verbosity(verbose=verbose))  # pip's lines are logged
    screen = RepairScreen(show_plan=not as_json, bar=not verbose, dry_run=request.dry_run)
    try:
        outcome = run_repair(request, screen)
    finally:
        screen.clear()
    if as_json:
        console.print_json({**outcome.diagnosis.as_json(), "plan": outcome.plan.as_json()})
    else:
        _print_outcome(outcome, request)
    return ExitCode.OK if request.download else outcome.code


def _print_outcome(outcome: RepairOutcome, request: RepairRequest) -> None:
    if outcome.summary:
        console.out(f"{outcome.summary}\n")
    if request.dry_run and outcome.plan.steps:
        console.out("Nothing was changed. To carry this out, leave out --dry-run.\n")
    left = outcome.remaining
    if not outcome.plan.steps and not left:
        console.out("Healthy: nothing to repair.\n")
    if left:
        console.out("What no step can repair remains:\n")
    named = request.diagnosis.python if "--python" in request.diagnosis.options else ""
    options = ("--python", named) if named else ()
    shell = Shell(own_command(), outcome.diagnosis.python, options=options)
    style = style_of(sys.stdout)
    for cause in find_causes(left):
        finding, follows = cause.finding, [one.id for one in cause.follows]
        lines = wrapped(f"  {finding.id}: {finding.summary}", style, 6)
        if follows:
            lines += wrapped(f"      and what follows from it: {', '.join(follows)}", style, 10)
        steps = _next_moves(finding, outcome, request)
        lines += remedy_lines("\n".join(steps), shell, style, indent=" " * 6)
        console.out("\n".join(lines) + "\n")


def _next_moves(finding: Finding, outcome: RepairOutcome, request: RepairRequest) -> list[str]:
    """What is left to do about a finding: not the repair that has just been tried."""
    lines = [line for line in finding.remedy.splitlines() if not line.startswith(REPAIR)]
    tried = [line for line in lines if not line.startswith("by hand: ")]
    if not tried and not outcome.plan.steps and not request.reinstall:
        only = request.diagnosis.only
        repair = "--fix" if only and finding.id not in only else "--reinstall"
        return [shlex.join(["parakeet", "doctor", repair, *request.diagnosis.options])]
    return lines


# Rollback


def _prefix(request: DiagnosisRequest) -> str:
    return read_interpreter(find_interpreter(request.python), {}).prefix


def show_restore_points(request: DiagnosisRequest, *, as_json: bool) -> None:
    """The repairs that can be rolled back, the newest first."""
    prefix = _prefix(request)
    with refused_journals():
        points = restore_points(prefix)
    if as_json:
        rows = [
            {"id": point.id, "time": point.time, "size": point.size, "changes": point.summary}
            for point in points
        ]
        console.print_json({"schema": "parakeet.doctor.states/1", "prefix": prefix, "states": rows})
        return
    if not points:
        console.out(f"There is no repair of {prefix} to roll back.\n")
    for point in points:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(point.time))
        console.out(f"{point.id}  {when}  {megabytes(point.size, '8.1f')}  {point.summary}\n")


def show_rollback(request: DiagnosisRequest, id_: str | None, *, as_json: bool) -> int:
    """Roll back a repair. Raises Refused, RestoreFailed."""
    check_system()
    prefix = _prefix(request)
    try:
        with refused_journals():
            point = rollback(prefix, id_)
    except LockHeld:
        raise Refused(
            f"A repair of {prefix} is under way. Nothing was changed.",
            hint="Wait until it has ended.",
        ) from None
    except LookupError as error:
        raise Refused(
            f"There is nothing to roll back in {prefix}: {error}.",
            hint="See the repairs that can be: parakeet doctor rollback --list",
        ) from error
    except ChangedSinceRepair as error:
        raise Refused(
            f"{prefix} was changed since the repair: {error}. Nothing was changed now.",
            hint="A rollback would undo that too. To repair again: parakeet doctor --fix",
        ) from error
    except RestoreIncomplete as error:
        raise RestoreFailed(
            str(error), hint=f"The snapshot is in {Path(prefix, '.parakeet')}"
        ) from error
    except (OSError, ValueError) as error:
        raise Refused(f"The snapshot can't be read, so nothing was changed: {error}.") from error
    if as_json:
        console.print_json(
            {"schema": "parakeet.doctor.rollback/1", "prefix": prefix, "restored": point.id}
        )
    else:
        console.out(f"{prefix} is as it was before the repair of {point.id} ({point.summary}).\n")
    return ExitCode.OK
