"""`parakeet transcribe --status DIR`."""

from __future__ import annotations

import json
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.run.status import RunStatus, status_of
from parakeet_cli.transcript import Status

_SHOWN_AT_MOST = 20  # failures; --json has all


def show_status(folder: str, *, as_json: bool) -> ExitCode:
    """How far the run in a folder is. Raises UsageError where there is none."""
    status = status_of(Path(folder).expanduser())
    if as_json:
        console.out(json.dumps(status.as_json(), indent=2) + "\n")
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
        f"{console.clock(status.seconds)} of audio heard."
        + (f" RTFx {status.speed:.1f} in the latest session." if status.speed else "")
        + (f" {console.clock(status.seconds_left)} left." if status.seconds_left else ""),
    ]
    if status.running:
        lines += [f"In hand: {console.shown_name(name)}" for name in status.in_hand]
    for name, state, reason in status.failures[:_SHOWN_AT_MOST]:
        lines.append(
            f"{state.capitalize()}: {console.shown_name(name)}: {console.shown_name(reason)}"
        )
    if len(status.failures) > _SHOWN_AT_MOST:
        lines.append(f"and {len(status.failures) - _SHOWN_AT_MOST} more; --json has all.")
    return lines
