"""`parakeet transcribe --dry-run`: what would be done, and nothing is."""

from __future__ import annotations

from collections.abc import Sequence

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcript import FileResult, Status


def show_plan(
    todo: Sequence[PlannedFile], settled: Sequence[tuple[PlannedFile, FileResult]]
) -> ExitCode:
    """A line an input, in the inputs' order; 1 where one is sure to fail."""
    lines = {item.number: _will(item) for item in todo}
    lines |= {item.number: _wont(item, result) for item, result in settled}
    for number in sorted(lines):
        console.out(f"{lines[number]}\n")
    unknown = sum(item.seconds is None for item in todo)
    seconds = sum(item.seconds or 0.0 for item in todo)
    console.info(
        f"{len(todo)} of {len(lines)} files would be heard, {console.clock(seconds)} of audio"
        + (f" and {unknown} of unknown length" if unknown else "")
        + ". Nothing was done."
    )
    failing = any(result.status is Status.FAILED for _, result in settled)
    return ExitCode.FAILED if failing else ExitCode.OK


def _will(item: PlannedFile) -> str:
    outputs = ", ".join(console.shown_name(str(path)) for _, path in item.paths) or "stdout"
    return f"{console.shown_name(item.job.name)}  {console.clock(item.seconds)}  -> {outputs}"


def _wont(item: PlannedFile, result: FileResult) -> str:
    reason = console.shown_name(result.reason or "")
    return f"{console.shown_name(item.job.name)}  {result.status}: {reason}"
