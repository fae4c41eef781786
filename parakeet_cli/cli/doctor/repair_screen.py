"""Shows a repair while it is under way: a line for each step, the question, a bar.

The bar is not Rich's: Rich imports parts of itself when it draws, and in the tool's own
environment it may be among the packages that are being replaced.
"""

from __future__ import annotations

import os
import sys
import time

from parakeet_cli import console
from parakeet_cli.doctor.repair.pip import PipProgress
from parakeet_cli.doctor.repair.plan import Change, Plan
from parakeet_cli.system.units import MB, megabytes

FIGURES = 18  # columns of `1234 of 1234 MB`, with the spaces around it
ERASE = "\r\x1b[K"  # to the end of the line: a ^C that the terminal wrote there goes as well
_REDRAW = 0.1  # seconds between two drawings


class RepairScreen:
    """Writes to stderr: a line for each step, and a bar if that is a terminal."""

    def __init__(self, *, show_plan: bool, bar: bool, dry_run: bool) -> None:
        self._shows_plan, self._dry_run = show_plan, dry_run
        self._bar = bar and console.is_terminal()
        self._drawn_at = 0.0

    def show_status(self, text: str) -> None:
        self.clear()
        console.note(text)

    def show_progress(self, progress: PipProgress) -> None:
        if not self._bar:
            return
        if not progress.total:
            self._draw(progress.file)
        elif time.monotonic() - self._drawn_at > _REDRAW:
            self._draw(bar(progress.done, progress.total, progress.file, _columns()))

    def clear(self) -> None:
        """Erase the bar, and the ^C that a terminal writes."""
        if self._bar:
            sys.stderr.write(ERASE)
            sys.stderr.flush()

    def _draw(self, text: str) -> None:
        self._drawn_at = time.monotonic()
        # One column stays free: a line that fills the last one may wrap.
        sys.stderr.write(ERASE + console.shown_name(text)[: _columns() - 1])
        sys.stderr.flush()

    def show_plan(self, plan: Plan) -> None:
        self.clear()
        if not self._shows_plan:
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


def bar(done: int, total: int, file: str, columns: int) -> str:
    """`####.... 12 of 24 MB  FILE`, in less than `columns`; the file's name is cut first."""
    width = max(8, min(24, columns - FIGURES))
    full = width * min(done, total) // total if total else 0
    drawn = f"{'#' * full}{'.' * (width - full)} {done / MB:.0f} of {megabytes(total)}"
    room = columns - len(drawn) - 3
    return f"{drawn}  {file[:room]}" if room > 8 else drawn[: columns - 1]


def plan_lines(plan: Plan) -> list[str]:
    """Each step with its changes and commands, and how much there is to download."""
    if not plan.steps:
        return ["No step of the documented order would change anything."]
    lines = ["The plan:"]
    for step in plan.steps:
        lines += ["", f"{step.stage}  {step.title}" if step.stage else f"   {step.title}"]
        lines += [f"     {_change(change)}" for change in step.changes]
        lines += [f"   $ {command}" for command in step.commands]
    known = [change.size for change in plan.changes if change.size is not None]
    count = len(plan.changes)
    size = f", {megabytes(sum(known), '.1f')}" if known and len(known) == count else ""
    if known and len(known) < count:
        size = f", {megabytes(sum(known), '.1f')} for {len(known)} of them, the rest unknown"
    return [*lines, "", f"{count} package{'' if count == 1 else 's'} to fetch{size}."]


def _change(change: Change) -> str:
    if change.before == change.after:
        return f"{change.name} {change.after}, reinstalled"
    return f"{change.name} {change.before or '(missing)'} -> {change.after}"
