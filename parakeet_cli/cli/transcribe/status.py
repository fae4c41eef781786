"""Shows the progress of a run: `parakeet transcribe --status DIR`."""

from __future__ import annotations

from pathlib import Path

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.run.status import RunStatus, read_status
from parakeet_cli.transcript import Status

_MAX_FAILURES = 20  # --json shows all


def show_status(folder: str, *, as_json: bool) -> ExitCode:
    """Print the status of the run in a folder. Raises UsageError if there is none."""
    status = read_status(Path(folder).expanduser())
    if as_json:
        console.print_json(status.as_json())
    else:
        console.out("".join(f"{line}\n" for line in _lines(status)))
    return ExitCode.OK


def _lines(status: RunStatus) -> list[str]:
    counts = status.counts
    lines = [
        f"{status.folder}: {'running' if status.running else 'not running'}",
        f"{status.inputs} files: {counts[Status.OK]} done, {counts[Status.FAILED]} failed, "
        f"{counts[Status.PARTIAL]} partial, {counts[Status.SKIPPED]} skipped, "
        f"{status.left} left.",
        f"{console.clock(status.seconds)} of audio transcribed."
        + (f" RTFx {status.speed:.1f} in the latest session." if status.speed else "")
        + (f" {console.clock(status.seconds_left)} left." if status.seconds_left else ""),
    ]
    if status.running:
        lines += [f"In work: {console.shown_name(name)}" for name in status.in_work]
    for name, state, reason in status.failures[:_MAX_FAILURES]:
        lines.append(
            f"{state.capitalize()}: {console.shown_name(name)}: {console.shown_name(reason)}"
        )
    if len(status.failures) > _MAX_FAILURES:
        lines.append(f"and {len(status.failures) - _MAX_FAILURES} more; --json shows all.")
    return lines
