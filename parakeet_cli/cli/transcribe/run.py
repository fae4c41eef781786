"""Runs a request of `parakeet transcribe`, and shows its progress and results."""

from __future__ import annotations

import sys

from parakeet_cli import console
from parakeet_cli.cli.transcribe.dry_run import show_dry_run
from parakeet_cli.cli.transcribe.progress import make_view
from parakeet_cli.cli.transcribe.summary import show_how_to_resume, show_summary, show_what_stopped
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import ExitCode, ParakeetError
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.batch import dry_run, open_batch


def transcribe_request(request: TranscribeRequest, settings: Settings) -> ExitCode:
    """The exit code. Raises ParakeetError for what stops everything."""
    if request.log is not None:
        console.open_log(request.log)
    console.show_warnings(settings.warnings, show=console.info)
    if request.dry_run:
        return show_dry_run(dry_run(request, settings))
    ask = console.info if request.yes else confirm
    with open_batch(request, settings, ask) as batch:
        with make_view(batch.total, request.progress, earlier=batch.earlier) as view:
            result = batch.run(view)
        if result.interrupted:  # shown before the engines have ended, which may take a moment
            show_how_to_resume(result.stats, request)
            return result.exit_code
    show_summary(result.stats, resumable=request.run is not None)
    if result.stopped is not None:
        show_what_stopped(result, request)
    return result.exit_code


def confirm(sentence: str) -> None:
    """Say it, and on a terminal ask whether to go on. Raises ParakeetError if not."""
    if not (sys.stdin is not None and sys.stdin.isatty() and console.is_terminal()):
        console.info(sentence)
        return
    console.note(sentence)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ParakeetError(
            "Nothing was done.",
            hint="--yes goes on without asking; another -o and --run keep what is there.",
        )
