"""Shows at the end of a batch how its files ended, which are doubtful, and why some failed."""

from __future__ import annotations

from collections.abc import Sequence

from parakeet_cli import console
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.stats import MAX_LISTED, BatchStats
from parakeet_cli.transcript import Doubt, FileResult, Status

_STYLES = {
    Status.OK: "green",
    Status.SKIPPED: "dim",
    Status.PARTIAL: "yellow",
    Status.FAILED: "red",
}
_NARROW = 60  # columns
_FIGURES, _FIGURES_NARROW = 33, 22  # columns of everything beside a file's name


def show_summary(stats: BatchStats) -> None:
    """Show the table, the counts, the doubts and the failures.

    Nothing for one file that ended well and leaves no doubt.
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
    for result in results:
        if result.status is Status.FAILED:
            _show_reason("Failed", result)


def show_how_to_resume(stats: BatchStats, request: TranscribeRequest) -> None:
    """Show after Ctrl-C how much is done, and which command continues."""
    console.note(f"Interrupted: {stats.done} of {stats.total} files are done; their outputs stay.")
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
