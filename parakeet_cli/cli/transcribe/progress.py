"""A progress bar on stderr, on a terminal only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from parakeet_cli import console
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.pipeline.jobs import ProgressView
from parakeet_cli.transcript import FileResult


class Screen(ProgressView, Protocol):
    """A view that can also print what was asked for, between its own lines."""

    def print(self, text: str, *, first: bool) -> None: ...

    def measuring(self, count: int, total: int) -> None:
        """So many headers of all are read."""
        ...

    def planned(self, seconds: float) -> None:
        """All of them together are that long; from now on it is the whole that is shown."""
        ...


_NARROW = 60  # columns: below, the bar itself gives way to the figures
_FIGURES = 34  # columns of `59.9 s of 59.9 s 99.9× 59.9 s left`, but one digit


@contextmanager
def make_view(total: int) -> Iterator[Screen]:
    """A bar where there is a terminal and nobody asked for none; else silence."""
    if not console.shows_progress():
        yield Plain()
        return
    bar = Bar(total)
    with bar:
        yield bar


class Plain:
    """For pipes and logs; with --verbose a line a file."""

    def started(self, job: Job, duration: float | None) -> None:
        if console.verbosity().verbose:
            length = "unknown length" if duration is None else console.clock(duration)
            console.note(f"{console.shown_name(job.name)}: {length}")

    def advanced(self, job: Job, seconds: float) -> None:
        pass

    def ended(self, job: Job, result: FileResult) -> None:
        if console.verbosity().verbose:
            console.note(f"{console.shown_name(job.name)}: {result.status}")

    def print(self, text: str, *, first: bool) -> None:
        console.out(text if first else f"\n{text}")

    def measuring(self, count: int, total: int) -> None:
        pass

    def planned(self, seconds: float) -> None:
        pass


class Bar:
    """One line: the file, seconds done of total, speed (× real time), time left."""

    def __init__(self, total: int) -> None:
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
        self._ended = 0
        self._durations: dict[int, float | None] = {}
        self._reached: dict[int, float] = {}  # seconds into each file that is in hand
        self._all: float | None = None  # seconds of the whole batch
        self._began = time.monotonic()
        self._heard = 0.0  # seconds of all files that are done
        self._task = self._progress.add_task(
            self._label(""), total=None, done="", speed="", left="loading the model"
        )

    def __enter__(self) -> Bar:
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
        self._ended += 1
        known = result.transcript.source.duration if result.transcript else None
        self._heard += known or 0.0
        self._durations.pop(id(job), None)
        self._reached.pop(id(job), None)

    def measuring(self, count: int, total: int) -> None:
        self._progress.update(
            self._task, description=f"reading headers {count}/{total}", total=total, completed=count
        )

    def planned(self, seconds: float) -> None:
        self._all = seconds or None
        self._began = time.monotonic()

    def _show(self, job: Job, seconds: float) -> None:
        self._reached[id(job)] = seconds
        total = self._durations.get(id(job))
        heard = self._heard + sum(self._reached.values())
        if self._all is not None:
            total, seconds = self._all, heard
        elapsed = time.monotonic() - self._began
        speed = heard / elapsed if elapsed > 0 else 0.0
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

    def print(self, text: str, *, first: bool) -> None:
        # Above the bar, which is drawn again below: both may be on one terminal.
        self._progress.stop()
        console.out(text if first else f"\n{text}")
        self._progress.start()
