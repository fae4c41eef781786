"""Runs a request of `parakeet transcribe`, and shows its progress and results."""

from __future__ import annotations

from parakeet_cli import console
from parakeet_cli.cli.transcribe.dry_run import show_dry_run
from parakeet_cli.cli.transcribe.progress import make_view
from parakeet_cli.cli.transcribe.summary import show_how_to_resume, show_summary
from parakeet_cli.config import Settings
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.batch import dry_run, open_batch


def transcribe_request(request: TranscribeRequest, settings: Settings) -> ExitCode:
    """The exit code. Raises ParakeetError for what stops everything."""
    console.show_warnings(settings.warnings, show=console.info)
    if request.dry_run:
        return show_dry_run(dry_run(request, settings))
    with open_batch(request, settings) as batch:
        with make_view(batch.total) as view:
            result = batch.run(view)
        if result.interrupted:  # shown before the engines have ended, which may take a moment
            show_how_to_resume(result.stats, request)
            return result.exit_code
    show_summary(result.stats)
    return result.exit_code
