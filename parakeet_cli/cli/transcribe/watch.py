"""Watches a folder: `parakeet transcribe --watch DIR`, its messages and its service."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

from parakeet_cli import console
from parakeet_cli.cli.serve.service import install_this_command
from parakeet_cli.cli.transcribe.progress import ProgressForm
from parakeet_cli.cli.transcribe.progress_lines import file_event, file_in_words
from parakeet_cli.cli.transcribe.run import confirm
from parakeet_cli.cli.transcribe.summary import show_summary
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcribe.watch.options import WatchOptions, check_folder, check_watch
from parakeet_cli.transcribe.watch.session import open_watch
from parakeet_cli.transcript import FileResult, Status

_SHOWN_AS_SUMMARY = (Status.FAILED, Status.PARTIAL)


def watch_folder(
    request: TranscribeRequest, options: WatchOptions, settings: Settings, *, install: bool
) -> ExitCode:
    """The exit code of the signal that ended it. Raises ParakeetError for what stops everything."""
    if install:
        check_watch(options, request)
        check_folder(options.folder, None)
        return _install_service(request, options)
    if request.log is not None:
        console.open_log(request.log)
    console.show_warnings(settings.warnings, show=console.info)
    ask = console.info if request.yes else confirm
    with open_watch(request, options, settings, ask) as watch:
        console.info(f"Watching {console.shown_name(options.folder)}. Ctrl-C ends it.")
        code = watch.run(WatchView(_SHOWS[ProgressForm(request.progress)]))
        counts, lost = watch.counts, watch.unrecorded
    partial = counts[Status.PARTIAL]
    console.note(
        f"Ended: {_files(counts[Status.OK] + partial)} transcribed"
        f"{f', {partial} of them in part' if partial else ''}, {counts[Status.FAILED]} failed. "
        "The same command goes on from here."
    )
    if lost:
        console.note(
            f"  {_files(lost)} more could not be recorded as done, and will be done again."
        )
    return code


def _show_in_words(job: Job, result: FileResult) -> None:
    """A line for a file that ended well; what was lost or went wrong as a batch says it."""
    if result.status in _SHOWN_AS_SUMMARY:
        console.log_line(file_in_words(job, result))
    else:
        console.info(file_in_words(job, result))
    show_summary(BatchStats.of([result]))


def _show_as_json(job: Job, result: FileResult) -> None:
    console.log_line(file_in_words(job, result))
    print(json.dumps(file_event(job, result)), file=sys.stderr, flush=True)


def _log(job: Job, result: FileResult) -> None:
    console.log_line(file_in_words(job, result))
    if result.status in _SHOWN_AS_SUMMARY:
        show_summary(BatchStats.of([result]))


_SHOWS: dict[ProgressForm, Callable[[Job, FileResult], None]] = {
    ProgressForm.AUTO: _show_in_words,
    ProgressForm.LINES: _show_in_words,
    ProgressForm.JSON: _show_as_json,
    ProgressForm.NONE: _log,
}


@dataclass(frozen=True, slots=True)
class WatchView:
    """Shows how each file ended, and nothing between: a watch has no end to be far from."""

    show: Callable[[Job, FileResult], None]

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        pass

    def ended(self, job: Job, result: FileResult) -> None:
        self.show(job, result)


def _install_service(request: TranscribeRequest, options: WatchOptions) -> ExitCode:
    """Make this command a service, without being run here. FAILED if systemd didn't start it."""
    folder = os.path.abspath(options.folder)
    status = f"parakeet transcribe --status {shlex.quote(request.run or '')}"
    return install_this_command(
        "watch",
        folder,
        f"parakeet transcribes what arrives in {folder}",
        request.grace,
        {"how far it is": status},
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
