"""Shows the progress of a download or a check on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from parakeet_cli.system.safety.printable import one_line

if TYPE_CHECKING:
    from rich.progress import Progress


class FileProgress(Protocol):
    """Receives how many bytes of which file are done."""

    def begin(self, name: str, done: int, total: int) -> None:
        """The next file, with the bytes that are done already."""
        ...

    def advance(self, count: int) -> None:
        """That many bytes more; less than 0 where some must be fetched again."""
        ...


@contextmanager
def show_progress(*, visible: bool) -> Iterator[FileProgress]:
    """A bar for each file while the block runs; nothing unless `visible`."""
    if not visible:
        yield NoProgress()
        return
    with _rich_progress() as progress:
        yield _Bars(progress)


class NoProgress:
    """Shows nothing: for pipes, logs and --no-progress."""

    def begin(self, name: str, done: int, total: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass


class _Bars:
    """One bar, for one file after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("asking the hub", total=None)

    def begin(self, name: str, done: int, total: int) -> None:
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(one_line(name), total=total, completed=done)

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)


def _rich_progress() -> Progress:
    """Bytes done of all, the speed and the time left, for each file."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, emoji=False, highlight=False),
        transient=True,
        expand=True,
    )
