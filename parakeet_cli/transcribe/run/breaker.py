"""Stops a batch when its surroundings fail, so that no file is blamed for them.

A file that fails by an obstacle (a full disk, refused credentials, a lost network) is held back.
After a few of one cause in a row nothing more is begun. Where the obstacle may pass, one of the
files is tried again after a while: if that goes well, all that were held back are, and the batch
goes on. Else it ends, and nothing counts as failed. So it is with the model, before any file.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from parakeet_cli import console
from parakeet_cli.errors import EngineUnavailable, Obstacle, ParakeetError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcript import FileResult

WAIT_SECONDS = 30.0
_FEW = 3  # files in a row that one obstacle may stop before the batch does
_NAMED = 10  # outputs that are named where more were written
_NAP = 0.05  # seconds between two looks at the clock

Ended = tuple[PlannedFile, FileResult]
T = TypeVar("T")


class Breaker:
    """Gives out a batch's items, and takes their results.

    `wait` is how many seconds an obstacle has to pass.
    """

    def __init__(self, todo: Iterable[PlannedFile], wait: float) -> None:
        self.obstacle: Obstacle | None = None  # that ended the batch
        self._todo = iter(todo)
        self._again: deque[PlannedFile] = deque()  # held back before, and to be tried again
        self._held: dict[int, Ended] = {}  # by the items' numbers
        self._written: dict[int, dict[str, str]] = {}  # outputs in place and their sums, alike
        self._wait = wait
        self._given = 0  # items without a result so far
        self._in_a_row = 0  # results of one obstacle
        self._row: Obstacle | None = None
        self._until: float | None = None  # when to try again, while nothing is begun
        self._probe: int | None = None  # the item that is tried then

    @property
    def held(self) -> list[Ended]:
        """What is held back, with the last result of each, in the order of the inputs."""
        return [self._held[number] for number in sorted(self._held)]

    def items(self) -> Iterator[PlannedFile | None]:
        """The items to do, and None while it isn't known whether there will be another one."""
        while self.obstacle is None:
            if (item := self._next()) is not None:
                self._given += 1
                yield item
            elif self._until is not None or self._given:
                if not self._given:
                    time.sleep(_NAP)
                yield None
            elif (certain := self._certain_obstacle()) is not None:
                self._trip(certain)  # too few for the breaker, and the last ones of the batch
            else:
                return

    def take(self, item: PlannedFile, result: FileResult) -> FileResult | None:
        """The result if it counts; None if the item is held back."""
        self._given -= 1
        obstacle = result.obstacle
        if not isinstance(obstacle, Obstacle):
            self._in_a_row = 0
            self._held.pop(item.number, None)
            self._written.pop(item.number, None)
            if self._until is not None:
                self._go_on()
            return result
        self._held[item.number] = item, self._with_earlier_outputs(item, result)
        same = self._row is not None and self._row.cause == obstacle.cause
        self._in_a_row = self._in_a_row + 1 if same else 1
        self._row = obstacle
        if item.number == self._probe:
            self.obstacle = obstacle
        elif self._in_a_row >= _FEW and self._until is None:
            self._trip(obstacle)
        return None

    def settle(self) -> list[Ended]:
        """What is held back at the end of a batch that wasn't stopped: each file's own fault."""
        ended, self._held = self.held, {}
        return [(item, replace(result, obstacle=None)) for item, result in ended]

    def _with_earlier_outputs(self, item: PlannedFile, result: FileResult) -> FileResult:
        """The result, with what earlier tries have left in place, too."""
        written = self._written.setdefault(item.number, {})
        written.update(zip(result.outputs, result.sums, strict=True))
        return replace(result, outputs=tuple(written), sums=tuple(written.values()))

    def _next(self) -> PlannedFile | None:
        if self._until is None:
            return self._again.popleft() if self._again else next(self._todo, None)
        if self._probe is None and time.monotonic() >= self._until and not self._given:
            number, (item, _) = next(iter(self._held.items()))
            self._probe = number
            return item
        return None

    def _trip(self, obstacle: Obstacle) -> None:
        """Begin nothing more until the obstacle may have passed, or for good."""
        if not obstacle.passes or self._wait <= 0:
            self.obstacle = obstacle
            return
        console.info(
            f"Waiting: {obstacle.cause}, for {_files(len(self._held))}. The next try is in "
            f"{self._wait:g} s."
        )
        self._until = time.monotonic() + self._wait
        self._probe = None

    def _go_on(self) -> None:
        self._until = self._probe = None
        self._again.extend(item for item, _ in self.held)
        self._held.clear()

    def _certain_obstacle(self) -> Obstacle | None:
        found = (result.obstacle for _, result in self._held.values())
        return next((one for one in found if isinstance(one, Obstacle) and one.certain), None)


class HoldingView:
    """Shows what a batch's view shows, but no end of a file that is held back."""

    def __init__(self, view: ProgressView) -> None:
        self._view = view

    def started(self, job: Job, duration: float | None) -> None:
        self._view.started(job, duration)

    def advanced(self, job: Job, seconds: float) -> None:
        self._view.advanced(job, seconds)

    def ended(self, job: Job, result: FileResult) -> None:
        if result.obstacle is None:
            self._view.ended(job, result)


def stopped_in_words(held: list[Ended], obstacle: Obstacle) -> str:
    """One line for one cause, with the number of files and what happened to the first.

    It names what is in place of the other ones, too.
    """
    results = [result for _, result in held]
    alike = [result for result in results if result.obstacle == obstacle] or results
    first = alike[0]
    others = [path for one in results if one is not first for path in one.outputs]
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    written = f" Written of the others, and left: {', '.join(others[:_NAMED])}{more}."
    text = f"Stopped: {obstacle.cause}, for {_files(len(alike))}: {first.reason}"
    return text + (written if others else "")


def try_twice(work: Callable[[], T], wait: float) -> T:
    """What the work returns; it is tried once more after a while if its model may be had then.

    Raises EngineUnavailable.
    """
    try:
        return work()
    except EngineUnavailable as error:
        obstacle = error.obstacle
        if obstacle is None or not obstacle.passes or wait <= 0:
            raise
        reason = str(error).rstrip(".")
        console.info(f"Waiting: {obstacle.cause}. {reason}. The next try is in {wait:g} s.")
    time.sleep(wait)
    return work()


@contextmanager
def blaming_the_surroundings() -> Iterator[None]:
    """Turn the error for a model that they keep away into one with their exit code."""
    try:
        yield
    except EngineUnavailable as error:
        obstacle = error.obstacle
        if obstacle is None:
            raise
        raise ParakeetError(
            f"Stopped: {obstacle.cause}: {error}",
            hint=f"{error.hint}\nNo file counts as failed. The same command goes on from here.",
            obstacle=obstacle,
        ) from error


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
