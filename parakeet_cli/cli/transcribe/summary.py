"""Shows at the end of a batch how its files ended, which are doubtful, and why some failed."""

from __future__ import annotations

from collections.abc import Sequence

from parakeet_cli import console
from parakeet_cli.errors import PROGRAM_FAULT
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.batch import BatchResult
from parakeet_cli.transcribe.run.stats import MAX_LISTED, BatchStats
from parakeet_cli.transcript import Doubt, FileResult, Status

_STYLES = {
    Status.OK: "green",
    Status.SKIPPED: "dim",
    Status.PARTIAL: "yellow",
    Status.FAILED: "red",
}
_NARROW = 60  # columns
_NAMED = 3  # files that are named where many failed by one fault
_FIGURES, _FIGURES_NARROW = 33, 22  # columns of everything beside a file's name


def show_summary(stats: BatchStats, *, resumable: bool = False) -> None:
    """Show the table, the counts, the doubts and the failures.

    Of a `resumable` run, also how failed files are tried again. Nothing for one file that ended
    well and leaves no doubt.
    """
    results = stats.listed
    if stats.total > 1:
        shown = console.is_terminal() and not console.verbosity().quiet
        if shown and stats.total <= MAX_LISTED:
            _show_table(results)
        for line in stats.summary():
            console.info(line)
    for result in results:
        for note in result.notes:
            console.info(f"{console.shown_name(result.source)}: {console.shown_name(note)}")
    for result in results:
        for doubt in result.transcript.doubts if result.transcript else ():
            _show_doubt(result, doubt)
    for result in results:
        if result.status is Status.PARTIAL:
            _show_reason("Partial", result)
    _show_failures(results, resumable=resumable)


def _show_failures(results: Sequence[FileResult], *, resumable: bool) -> None:
    failed = [result for result in results if result.status is Status.FAILED]
    for alike in _by_fault(failed):
        if len(alike) == 1:
            _show_reason("Failed", alike[0])
        else:
            _show_fault(alike)
    if failed and resumable:
        files = "the file that failed" if len(failed) == 1 else f"the {len(failed)} that failed"
        console.note(f"The same command with --retry-failed tries {files} again.")


def show_how_to_resume(stats: BatchStats, request: TranscribeRequest) -> None:
    """Show after Ctrl-C how much is done, and which command continues."""
    console.note(f"Interrupted: {stats.done} of {stats.total} files are done; their outputs stay.")
    _show_same_command(request)


def show_what_stopped(result: BatchResult, request: TranscribeRequest) -> None:
    """Show which fault of the surroundings ended a batch, and that no file is blamed for it."""
    console.note(console.shown_name(result.stopped or ""), style="bold red")
    if result.hint:
        console.note(f"  {result.hint}")
    stats = result.stats
    left = stats.total - sum(stats.counts.values())
    console.note(f"  {left} of {stats.total} files are left, and none of them counts as failed.")
    _show_same_command(request)


def _show_same_command(request: TranscribeRequest) -> None:
    if request.run:
        console.note("  The same command goes on from here.")
    elif request.file_formats:
        console.note("  The same command with --skip-existing, and not --overwrite, goes on.")


def _show_reason(word: str, result: FileResult) -> None:
    style = _STYLES[result.status]
    name, reason = console.shown_name(result.source), console.shown_name(result.reason or "")
    text = reason if name in reason else f"{name}: {reason}"
    console.note(f"{word}: {text}", style=style)
    if result.hint:
        console.note(f"  {result.hint}")


def _by_fault(failed: Sequence[FileResult]) -> list[list[FileResult]]:
    """Those together that failed by one fault: of the program, or the same one of many files."""
    groups: dict[str, list[FileResult]] = {}
    for result in failed:
        groups.setdefault(_without_name(result), []).append(result)
    parts = []
    for result in failed:
        alike = groups[_without_name(result)]
        if result.hint != PROGRAM_FAULT and len(alike) <= _NAMED:
            parts.append([result])
        elif alike[0] is result:
            parts.append(alike)
    return parts


def _show_fault(alike: Sequence[FileResult]) -> None:
    """Say once what kept several files from being transcribed."""
    first, *_ = alike
    names = ", ".join(console.shown_name(result.source) for result in alike[:_NAMED])
    more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
    reason = console.shown_name(_without_name(first))
    console.note(f"Failed: {len(alike)} files ({names}{more}): {reason}", style="red")
    if first.hint:
        console.note(f"  {first.hint}")


def _without_name(result: FileResult) -> str:
    """The reason without the name of the file: `can't be opened: its decoder failed ...`."""
    return (result.reason or "").removeprefix(result.source).strip()


def _show_doubt(result: FileResult, doubt: Doubt) -> None:
    name, reason = console.shown_name(result.source), console.shown_name(doubt.reason)
    console.info(f"Doubtful: {name}: {doubt.start:.2f} to {doubt.end:.2f} s: {reason}.")


def _show_table(results: Sequence[FileResult]) -> None:
    from rich import box
    from rich.table import Table

    rich = console.rich_console()
    table = Table(box=box.SIMPLE_HEAD, safe_box=True, pad_edge=False)
    # On a narrow terminal the losses are only in the lines below the table.
    losses = rich.width >= _NARROW
    room = max(8, rich.width - (_FIGURES if losses else _FIGURES_NARROW))
    table.add_column("File", overflow="ellipsis", no_wrap=True, max_width=room)
    table.add_column("Length", justify="right", no_wrap=True)
    if losses:
        table.add_column("Lost", justify="right", no_wrap=True)
    table.add_column("Result", no_wrap=True)
    for result in results:
        transcript = result.transcript
        length = console.clock(transcript.source.duration) if transcript else "-"
        lost = transcript.accounting.lost_seconds if transcript else 0.0
        table.add_row(
            console.shown_name(result.source),
            length,
            *((f"{lost:.1f} s" if lost else "-",) if losses else ()),
            str(result.status),
            style=_STYLES[result.status],
        )
    rich.print(table)
