"""Shows what `parakeet transcribe --dry-run` would do."""

from __future__ import annotations

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.run.batch import DryRun
from parakeet_cli.transcript import FileResult, Status


def show_dry_run(dry_run: DryRun) -> ExitCode:
    """Print a line for each input, in their order; FAILED if one of them is certain to fail."""
    lines = {item.number: _planned_line(item) for item in dry_run.todo}
    lines |= {item.number: _settled_line(item, result) for item, result in dry_run.settled}
    for number in sorted(lines):
        console.out(f"{lines[number]}\n")
    unknown = sum(item.seconds is None for item in dry_run.todo)
    seconds = sum(item.seconds or 0.0 for item in dry_run.todo)
    console.info(
        f"{len(dry_run.todo)} of {len(lines)} files would be transcribed, "
        f"{console.clock(seconds)} of audio"
        + (f" and {unknown} of unknown length" if unknown else "")
        + ". Nothing was done."
    )
    failing = any(result.status is Status.FAILED for _, result in dry_run.settled)
    return ExitCode.FAILED if failing else ExitCode.OK


def _planned_line(item: PlannedFile) -> str:
    outputs = ", ".join(console.shown_name(str(path)) for _, path in item.paths) or "stdout"
    return f"{console.shown_name(item.job.name)}  {console.clock(item.seconds)}  -> {outputs}"


def _settled_line(item: PlannedFile, result: FileResult) -> str:
    reason = console.shown_name(result.reason or "")
    return f"{console.shown_name(item.job.name)}  {result.status}: {reason}"
