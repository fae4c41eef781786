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
    skipped = f"{counts[Status.SKIPPED]} skipped, " if counts[Status.SKIPPED] else ""
    in_hand = f", {len(status.in_hand)} of them in hand" if status.in_hand else ""
    lines = [
        f"{status.folder}: {status.state}",
        f"{status.total} files: {counts[Status.OK]} done, {counts[Status.FAILED]} failed, "
        f"{counts[Status.PARTIAL]} partial, {skipped}{status.left} left{in_hand}.",
        f"{console.clock(status.seconds)} of audio transcribed."
        + (f" RTFx {status.speed:.1f} in the latest session." if status.speed else "")
        + (f" {console.clock(status.seconds_left)} left." if status.seconds_left else ""),
        *_remarks(status),
    ]
    lines += [f"In hand: {console.shown_name(name)}" for name in sorted(status.in_hand)]
    for name, state, reason in status.failures[:_MAX_FAILURES]:
        lines.append(
            f"{state.capitalize()}: {console.shown_name(name)}: {console.shown_name(reason)}"
        )
    if len(status.failures) > _MAX_FAILURES:
        lines.append(f"and {len(status.failures) - _MAX_FAILURES} more; --json shows all.")
    lines += [
        f"--then failed: {console.shown_name(name)}: {console.shown_name(reason)}"
        for name, reason in status.then_failures[:_MAX_FAILURES]
    ]
    if status.failures and not status.running:
        lines.append("The same command with --retry-failed tries these again.")
    return lines


def _remarks(status: RunStatus) -> list[str]:
    """What else is in the run's folder than results of this plan."""
    remarks = []
    if status.shards and status.shards[0] < status.shards[1]:
        begun, count = status.shards
        remarks.append(f"{begun} of {count} shards have begun.")
    if status.earlier:
        remarks.append(f"{status.earlier} from an earlier plan, which are not counted.")
    if status.unreadable:
        some = "1 line" if status.unreadable == 1 else f"{status.unreadable} lines"
        remarks.append(f"{some} of the journal can't be read, and what was there is done again.")
    return remarks
