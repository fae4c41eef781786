"""Shows a batch's progress: a bar on a terminal, else lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from parakeet_cli import console
from parakeet_cli.cli.transcribe.progress_lines import JsonView, LinesView, file_in_words
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.pipeline.progress import BatchView, SilentView
from parakeet_cli.transcript import FileResult

log = logging.getLogger(__name__)

_NARROW = 60  # columns: below, there is no bar beside the figures
_FIGURES = 34  # columns of `59.9 s of 59.9 s 99.9× 59.9 s left`, less one digit


class ProgressForm(StrEnum):
    """How progress is shown: the values of --progress."""

    AUTO = "auto"
    LINES = "lines"
    JSON = "json"
    NONE = "none"


@contextmanager
def make_view(
    total: int, form: str = ProgressForm.AUTO, *, earlier: int = 0
) -> Iterator[BatchView]:
    """A bar on a terminal, unless an option forbids it; else lines, or JSON if that is asked for.

    `earlier` of the `total` files were done by an earlier session.
    """
    if form == ProgressForm.NONE:
        yield TextView()
    elif form == ProgressForm.JSON:
        with JsonView(total, earlier) as view:
            yield view
    elif form == ProgressForm.LINES or not console.shows_progress():
        with LinesView(total, earlier) as view:
            yield view
    else:
        with BarView(total, earlier) as bar:
            yield bar


class TextView(SilentView):
    """Shows no progress, but the texts that go to stdout; with --verbose, a line a file."""

    def ended(self, job: Job, result: FileResult) -> None:
        log.info("%s", file_in_words(job, result))

    def show_text(self, text: str) -> None:
        console.raw_out(text)


class BarView:
    """One line: the file, seconds done and in all, speed (× real time), time left."""

    def __init__(self, total: int, earlier: int = 0) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        rich = console.rich_console()
        self._narrow = rich.width < _NARROW
        self._progress = Progress(
            TextColumn("{task.description}"),
            *(() if self._narrow else (BarColumn(bar_width=None),)),
            TextColumn("{task.fields[done]}"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[left]}"),
            console=rich,
            transient=True,
            expand=True,
        )
        self._total = total
        self._ended = earlier
        self._durations: dict[int, float | None] = {}
        self._reached: dict[int, float] = {}  # seconds into each file in work
        self._batch_seconds: float | None = None  # of audio, once it is known
        self._began = time.monotonic()
        self._planned = False
        self._done_seconds = 0.0  # of all files that are done
        self._task = self._progress.add_task(
            self._label(""), total=None, done="", speed="", left="loading the model"
        )

    def __enter__(self) -> BarView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _label(self, name: str) -> str:
        from rich.cells import cell_len
        from rich.markup import escape

        width = self._progress.console.width
        room = max(4, width - _FIGURES) if self._narrow else width // 3
        name = console.shown_name(name)
        if cell_len(name) > room:
            while cell_len(name) >= room:
                name = name[1:]
            name = f"…{name}"
        numbered = self._total > 1 and not self._narrow
        return escape(f"{self._ended + 1}/{self._total} {name}" if numbered else name)

    def started(self, job: Job, duration: float | None) -> None:
        self._durations[id(job)] = duration
        if len(self._durations) == 1:
            self._show(job, 0.0)

    def advanced(self, job: Job, seconds: float) -> None:
        self._show(job, max(0.0, seconds - job.offset))

    def ended(self, job: Job, result: FileResult) -> None:
        console.log_line(file_in_words(job, result))
        self._ended += 1
        known = result.transcript.source.duration if result.transcript else None
        self._done_seconds += known or 0.0
        self._durations.pop(id(job), None)
        self._reached.pop(id(job), None)

    def planned(self, seconds: float) -> None:
        self._batch_seconds = seconds or None
        if not self._planned:
            self._began = time.monotonic()
        self._planned = True

    def _show(self, job: Job, seconds: float) -> None:
        self._reached[id(job)] = seconds
        total = self._durations.get(id(job))
        processed = self._done_seconds + sum(self._reached.values())
        if self._batch_seconds is not None:
            total, seconds = self._batch_seconds, processed
        elapsed = time.monotonic() - self._began
        speed = processed / elapsed if elapsed > 0 else 0.0
        left = max(0.0, total - seconds) / speed if total and speed else None
        done = console.clock(seconds) + (f" of {console.clock(total)}" if total else "")
        self._progress.update(
            self._task,
            description=self._label(job.name),
            total=total,
            completed=seconds,
            done=done,
            speed=f"{speed:.1f}×" if speed else "",
            left=f"{console.clock(left)} left" if left is not None else "",
        )

    def show_text(self, text: str) -> None:
        # The bar is drawn again below the text: both may be on one terminal.
        self._progress.stop()
        console.raw_out(text)
        self._progress.start()
