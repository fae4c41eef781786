"""What a repair and a rollback print and ask; each returns the exit code."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.doctor import restore
from parakeet_cli.doctor.diagnose import Request
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.interpreter import locate, read
from parakeet_cli.doctor.journal import Locked
from parakeet_cli.doctor.plan import Change, Plan
from parakeet_cli.doctor.repair import Options, Outcome, repair
from parakeet_cli.errors import ExitCode, Refused, RestoreFailed

PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")
FETCHING = re.compile(r"^\s*(Downloading|Using cached|Processing|Building wheel for) (\S+)")
BAR = 24


def _print_json(value: object) -> None:
    console.out(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def show_repair(request: Request, options: Options, *, as_json: bool, verbose: bool) -> int:
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


class Screen:
    """What happens, on stderr: a line a step, and a bar where there is a terminal."""

    def __init__(self, *, as_json: bool, verbose: bool, dry_run: bool) -> None:
        self._json, self._verbose, self._dry_run = as_json, verbose, dry_run
        self._bar = console.is_terminal() and not verbose
        self._drawn = 0
        self._what = ""
        self._drew_at = 0.0

    def say(self, text: str) -> None:
        self.clear()
        self._what = ""
        console.note(text)

    def pip(self, line: str) -> None:
        progress = PROGRESS.match(line)
        if self._verbose and not progress:
            console.note(f"    {line}")
        if not self._bar:
            return
        if found := FETCHING.match(line):
            self._what = found[2].rpartition("/")[2]
            self._draw(self._what)
        elif progress and time.monotonic() - self._drew_at > 0.1:
            done, total = int(progress[1]), int(progress[2])
            full = BAR * done // total if total else 0
            self._draw(
                f"{'#' * full}{'.' * (BAR - full)} {done / 1e6:.0f} of {total / 1e6:.0f} MB"
                f"  {self._what}"
            )

    def clear(self) -> None:
        """Takes the bar away."""
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            sys.stderr.flush()
            self._drawn = 0

    def _draw(self, text: str) -> None:
        self._drew_at = time.monotonic()
        text = console.printable(text)[:76]
        sys.stderr.write("\r" + text.ljust(self._drawn))
        sys.stderr.flush()
        self._drawn = len(text)

    def plan(self, plan: Plan, facts: Facts) -> None:
        self.clear()
        if self._json:
            return
        text = "\n".join(plan_lines(plan))
        if self._dry_run:
            console.out(f"{text}\n")
        else:
            console.note(text)

    def confirm(self) -> bool | None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        sys.stderr.write("Go ahead? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")


def plan_lines(plan: Plan) -> list[str]:
    """Each step with its commands and what they change, and what there is to download."""
    if not plan.steps:
        return ["No step of the documented order would change anything."]
    said = ["The plan:"]
    for step in plan.steps:
        said += ["", f"{step.stage}  {step.title}" if step.stage else f"   {step.title}"]
        said += [f"     {_change(change)}" for change in step.changes]
        said += [f"   $ {command}" for command in step.commands]
    known = [change.size for change in plan.changes if change.size is not None]
    count = len(plan.changes)
    size = f", {sum(known) / 1e6:.1f} MB" if known and len(known) == count else ""
    if known and len(known) < count:
        size = f", {sum(known) / 1e6:.1f} MB for {len(known)} of them, the rest not known"
    return [*said, "", f"{count} package{'' if count == 1 else 's'} to fetch{size}."]


def _change(change: Change) -> str:
    if change.before == change.after:
        return f"{change.name} {change.after}, anew"
    return f"{change.name} {change.before or '(missing)'} -> {change.after}"


# Rollback


def _prefix(request: Request) -> str:
    return read(locate(request.python), {}).prefix


def show_states(request: Request, *, as_json: bool) -> None:
    """What rollback can go back on, the newest first."""
    prefix = _prefix(request)
    found = restore.kept_states(prefix)
    if as_json:
        rows = [
            {"id": one.id, "time": one.when, "size": one.size, "changes": one.summary}
            for one in found
        ]
        _print_json({"schema": "parakeet.doctor.states/1", "prefix": prefix, "states": rows})
        return
    if not found:
        console.out(f"Nothing is kept for {prefix}.\n")
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.when))
        console.out(f"{one.id}  {when}  {one.size / 1e6:8.1f} MB  {one.summary}\n")


def show_rollback(request: Request, state: str | None, *, as_json: bool) -> int:
    """Puts the environment back; raises Refused where it may not."""
    prefix = _prefix(request)
    try:
        done = restore.rollback(prefix, state)
    except Locked:
        raise Refused(
            f"A repair of {prefix} is at work. Nothing was touched.",
            hint="Wait until it has ended.",
        ) from None
    except LookupError as error:
        raise Refused(
            f"There is nothing to go back on in {prefix}: {error}.",
            hint="See what is kept: parakeet doctor rollback --list",
        ) from error
    except restore.Changed as error:
        raise Refused(
            f"{prefix} was changed since the repair, so nothing was touched: {error}.",
            hint="Going back would undo that too. A new repair: parakeet doctor --fix",
        ) from error
    except restore.NotPutBack as error:
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
