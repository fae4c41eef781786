"""What a person sees of a repair while it is at work: lines, the question, a bar."""

from __future__ import annotations

import os
import re
import sys
import time

from parakeet_cli import console
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.repair.plan import Change, Plan

PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")
FETCHING = re.compile(r"^\s*(Downloading|Using cached|Processing|Building wheel for) (\S+)")
FIGURES = 18  # columns of `1234 of 1234 MB`, with what parts it from the rest
ERASE = "\r\x1b[K"  # to the line's end: a ^C that the terminal wrote there goes as well


class Screen:
    """What happens, on stderr: a line a step, and a bar where there is a terminal."""

    def __init__(self, *, as_json: bool, verbose: bool, dry_run: bool) -> None:
        self._json, self._verbose, self._dry_run = as_json, verbose, dry_run
        self._bar = console.is_terminal() and not verbose
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
            self._draw(bar(int(progress[1]), int(progress[2]), self._what, _columns()))

    def clear(self) -> None:
        """Takes the bar away, and the ^C that a terminal writes."""
        if self._bar:
            sys.stderr.write(ERASE)
            sys.stderr.flush()

    def _draw(self, text: str) -> None:
        self._drew_at = time.monotonic()
        # One column stays free: a line that fills the last one may wrap.
        sys.stderr.write(ERASE + console.printable(text)[: _columns() - 1])
        sys.stderr.flush()

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
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            answer = ""
        if not answer.endswith("\n"):  # Ctrl-D or Ctrl-C left the cursor beside the question
            sys.stderr.write("\n")
        return answer.strip().lower() in ("y", "yes")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def bar(done: int, total: int, what: str, columns: int) -> str:
    """`####.... 12 of 24 MB  NAME`, in less than so many columns; the name gives way."""
    width = max(8, min(24, columns - FIGURES))
    full = width * min(done, total) // total if total else 0
    drawn = f"{'#' * full}{'.' * (width - full)} {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    room = columns - len(drawn) - 3
    return f"{drawn}  {what[:room]}" if room > 8 else drawn[: columns - 1]


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
