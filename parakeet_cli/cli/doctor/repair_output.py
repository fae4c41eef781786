"""What a repair and a rollback print and ask; each returns the exit code."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.cli.doctor.repair_progress import Screen
from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.inspect.interpreter import find_interpreter, read_interpreter
from parakeet_cli.doctor.repair.repair import Options, Outcome, repair
from parakeet_cli.doctor.repair.rollback.restore import (
    ChangedSinceRepair,
    RestoreIncomplete,
    restore_points,
    rollback,
)
from parakeet_cli.errors import ExitCode, Refused, RestoreFailed
from parakeet_cli.system.locks import LockHeld


def _print_json(value: object) -> None:
    console.out(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def show_repair(
    request: DiagnosisRequest, options: Options, *, as_json: bool, verbose: bool
) -> int:
    """The plan, the question, a line a step, and how it ended."""
    request = replace(request, mock=None)  # a repair is of the stack, whatever engine is used
    screen = Screen(as_json=as_json, verbose=verbose, dry_run=options.dry_run)
    try:
        outcome = repair(request, options, screen)
    finally:
        screen.clear()
    if as_json:
        _print_json({**outcome.diagnosis.as_json(), "plan": outcome.plan.as_json()})
    else:
        _say_outcome(outcome, options)
    if options.download:
        return ExitCode.OK
    return outcome.code


def _say_outcome(outcome: Outcome, options: Options) -> None:
    if outcome.summary:
        console.out(f"{outcome.summary}\n")
    left = outcome.diagnosis.unhealthy
    if options.dry_run:
        if outcome.plan.steps:
            console.out("Nothing was changed: --dry-run. To do it: the same without it.\n")
        return
    if not outcome.plan.steps and not left:
        console.out("Healthy: nothing to repair.\n")
    if left:
        console.out("What no step can mend is left:\n")
    for finding in left:
        console.out(f"  {finding.id}: {finding.summary}\n")
        for line in finding.remedy.splitlines():
            if not line.startswith("parakeet doctor --fix"):
                console.out(f"      {line}\n")


# Rollback


def _prefix(request: DiagnosisRequest) -> str:
    return read_interpreter(find_interpreter(request.python), {}).prefix


def show_states(request: DiagnosisRequest, *, as_json: bool) -> None:
    """What rollback can go back on, the newest first."""
    prefix = _prefix(request)
    found = restore_points(prefix)
    if as_json:
        rows = [
            {"id": one.id, "time": one.time, "size": one.size, "changes": one.summary}
            for one in found
        ]
        _print_json({"schema": "parakeet.doctor.states/1", "prefix": prefix, "states": rows})
        return
    if not found:
        console.out(f"Nothing is kept for {prefix}.\n")
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time))
        console.out(f"{one.id}  {when}  {one.size / 1e6:8.1f} MB  {one.summary}\n")


def show_rollback(request: DiagnosisRequest, state: str | None, *, as_json: bool) -> int:
    """Puts the environment back; raises Refused where it may not."""
    prefix = _prefix(request)
    try:
        done = rollback(prefix, state)
    except LockHeld:
        raise Refused(
            f"A repair of {prefix} is at work. Nothing was touched.",
            hint="Wait until it has ended.",
        ) from None
    except LookupError as error:
        raise Refused(
            f"There is nothing to go back on in {prefix}: {error}.",
            hint="See what is kept: parakeet doctor rollback --list",
        ) from error
    except ChangedSinceRepair as error:
        raise Refused(
            f"{prefix} was changed since the repair, so nothing was touched: {error}.",
            hint="Going back would undo that too. A new repair: parakeet doctor --fix",
        ) from error
    except RestoreIncomplete as error:
        raise RestoreFailed(
            str(error), hint=f"What was kept is in {Path(prefix, '.parakeet')}"
        ) from error
    except (OSError, ValueError) as error:
        raise Refused(f"What was kept can't be read, so nothing was touched: {error}.") from error
    if as_json:
        _print_json({"schema": "parakeet.doctor.rollback/1", "prefix": prefix, "restored": done.id})
    else:
        console.out(f"{prefix} is what it was before the repair of {done.id} ({done.summary}).\n")
    return ExitCode.OK
