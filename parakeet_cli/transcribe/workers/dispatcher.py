"""Gives items to workers and yields their results, whatever happens to the workers.

A worker that dies, or that is silent for longer than its items allow and is ended (`hangs`), is
replaced, and the items it had are tried again, each alone: that shows which one is to blame. An
item whose worker dies in each of its attempts fails by its name, and the others go on.

At Ctrl-C the workers stop at a point where no output is half written, and what they finished
until then is still yielded. At SIGTERM and SIGHUP they first have a grace in which they finish
what they have begun.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from parakeet_cli import console
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.transcribe.outputs.plan import PlannedFile, folders
from parakeet_cli.transcribe.pipeline.interrupts import (
    GRACE_SECONDS,
    DeferredInterrupt,
    defer_interrupts,
    say_what_ends,
)
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcribe.workers.hangs import Silence, Watch
from parakeet_cli.transcribe.workers.worker import (
    Dropped,
    Finished,
    Loaded,
    Progressed,
    Unusable,
    WorkerEvent,
    WorkerReady,
)
from parakeet_cli.transcript import FileResult, Status

POLL_SECONDS = 0.2  # after which a pool's `events` returns, so that Ctrl-C is noticed
_STOP_SECONDS = 10.0  # to wait at Ctrl-C for outputs that are being written
_LAST_SHARE = 0.2  # of a grace, but at most _LAST_SECONDS: for the manifest, and what is written
_LAST_SECONDS = 3.0
_CRASHED = "`parakeet doctor --deep` tries the engine by itself."
_OUT_OF_MEMORY = (
    "Most often the system kills a process when memory is used up: take fewer --workers, fewer "
    "--threads or a smaller model, or cut the recording."
)
_MAX_EARLY_DEATHS = 3  # in a row, with no worker that became ready: then the engine is to blame


class _End:
    """The end of the items."""


_END = _End()


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker's process has ended; `cause` says how, in words."""

    cause: str


class WorkerHandle(Protocol):
    """The dispatcher's side of one worker."""

    def give(self, item: PlannedFile) -> None:
        """Send the worker an item. If it has died, `WorkerDied` follows later."""
        ...


class WorkerPool(Protocol):
    """Starts workers and delivers their events; `reports_progress` if they come within a file."""

    reports_progress: bool

    def start(self) -> WorkerHandle:
        """Start one more worker, which isn't ready yet."""
        ...

    def events(self) -> Iterator[tuple[WorkerHandle, WorkerEvent | WorkerDied]]:
        """Wait for events for at most POLL_SECONDS, and yield those that came."""
        ...

    def kill(self, worker: WorkerHandle) -> None:
        """End a worker that doesn't react any more: `WorkerDied` follows."""
        ...

    def wind_down(self) -> None:
        """Make all workers drop the items that they haven't begun, and end after the others."""
        ...

    def stop(self) -> None:
        """Make all workers drop their items, once no output is half written."""
        ...


@dataclass(slots=True)
class Slot:
    """What the dispatcher knows of one worker."""

    capacity: int = 0  # items that keep it busy; 0 until it is ready
    items: dict[int, PlannedFile] = field(default_factory=dict)  # those it has, by number
    silence: Silence = field(default_factory=Silence)


def dispatch(
    todo: Iterable[PlannedFile | None],
    pool: WorkerPool,
    workers: Iterable[WorkerHandle],
    view: ProgressView,
    *,
    attempts: int,
    on_loaded: Callable[[Loaded], object] = lambda _: None,
    grace: float = GRACE_SECONDS,
) -> Iterator[tuple[PlannedFile, FileResult]]:
    """Each item with its result, as they come. Raises EngineUnavailable.

    None among them means that the next one isn't known yet: it is asked for again soon.
    `workers` are those of the pool that were started; others replace those that die. At SIGTERM
    and SIGHUP the workers have `grace` seconds to finish what they have begun.
    """
    return _Dispatcher(todo, pool, workers, view, attempts, on_loaded, grace).run()


class _Dispatcher:
    def __init__(
        self,
        todo: Iterable[PlannedFile | None],
        pool: WorkerPool,
        workers: Iterable[WorkerHandle],
        view: ProgressView,
        attempts: int,
        on_loaded: Callable[[Loaded], object],
        grace: float,
    ) -> None:
        self._todo = iter(todo)
        self._more_todo = True
        self._pool = pool
        self._view = view
        self._attempts = attempts
        self._on_loaded = on_loaded
        self._grace = grace
        self._slots = {worker: Slot() for worker in workers}
        self._suspects: deque[PlannedFile] = deque()  # their worker died; to be tried alone
        self._deaths: Counter[int] = Counter()  # of workers, by the items they had
        self._early_deaths = 0
        self._watch = Watch(reports_progress=pool.reports_progress)

    def run(self) -> Iterator[tuple[PlannedFile, FileResult]]:
        # Ctrl-C must also wait until the caller has recorded the result it was given.
        with defer_interrupts() as interrupt:
            while self._unfinished() and not interrupt.pressed:
                for worker, event in self._pool.events():
                    yield from self._handle(worker, event)
                self._end_hung_workers()
                for worker, slot in self._slots.items():
                    self._fill(worker, slot)
            if interrupt.pressed:
                yield from self._end(interrupt)
        interrupt.raise_if_pressed()

    def _end(self, interrupt: DeferredInterrupt) -> Iterator[tuple[PlannedFile, FileResult]]:
        """The results that come until the workers have stopped; Ctrl-C shortens it."""
        first = replace(interrupt)
        if first.number is not None and not first.is_ctrl_c:
            say_what_ends(first.number, self._grace)
            self._pool.wind_down()
            last = min(_LAST_SECONDS, self._grace * _LAST_SHARE)
            yield from self._results_until(first.at + self._grace - last, interrupt)
            first.number = interrupt.number
        self._pool.stop()
        interrupt.number = None
        seconds = _STOP_SECONDS
        if not first.is_ctrl_c:
            seconds = max(0.0, first.at + self._grace - time.monotonic())
        yield from self._results_until(time.monotonic() + seconds, interrupt)
        interrupt.number = first.number

    def _results_until(
        self, until: float, interrupt: DeferredInterrupt
    ) -> Iterator[tuple[PlannedFile, FileResult]]:
        """The results that come until no worker has an item, or the time or Ctrl-C has come."""
        while self._items_in_work() and not interrupt.is_ctrl_c and time.monotonic() < until:
            for worker, event in self._pool.events():
                if isinstance(event, WorkerDied):
                    self._slots.pop(worker, None)
                elif not isinstance(event, Unusable):
                    yield from self._handle(worker, event)

    def _end_hung_workers(self) -> None:
        """End the workers that are silent for longer than their items allow."""
        self._watch.tick()
        for worker, slot in self._slots.items():
            starting = (
                self._pool.reports_progress and not slot.capacity
            )  # Ray's may wait for a node
            if slot.items or starting:
                silent = self._watch.hangs(slot.silence, slot.items.values())
                if silent is not None:
                    slot.silence.hung = silent
                    console.info(
                        f"A worker made no progress for {silent:.0f} s and is replaced; the files "
                        f"that it had ({len(slot.items)}) are tried again, each alone."
                    )
                    self._pool.kill(worker)
            else:
                self._watch.heard_of(slot.silence, busy=False)

    def _unfinished(self) -> bool:
        return self._more_todo or bool(self._suspects) or self._items_in_work()

    def _items_in_work(self) -> bool:
        return any(slot.items for slot in self._slots.values())

    def _handle(
        self, worker: WorkerHandle, event: WorkerEvent | WorkerDied
    ) -> Iterator[tuple[PlannedFile, FileResult]]:
        slot = self._slots.get(worker)
        if slot is None:
            return
        self._watch.heard_of(slot.silence, busy=bool(slot.items))
        match event:
            case WorkerReady():
                slot.capacity = event.capacity
                self._early_deaths = 0
            case Loaded():
                slot.silence.loaded = True
                self._on_loaded(event)
            case Progressed():
                if event.number in slot.items:
                    self._view.advanced(slot.items[event.number].job, event.seconds)
            case Finished():
                item = slot.items.pop(event.number)
                slot.silence.loaded = True
                self._watch.add(event.result)
                self._view.ended(item.job, event.result)
                yield item, event.result
            case Dropped():
                del slot.items[event.number]
            case Unusable():
                raise event.error
            case WorkerDied():
                yield from self._replace(worker, slot, event.cause)

    def _replace(
        self, worker: WorkerHandle, slot: Slot, cause: str
    ) -> Iterator[tuple[PlannedFile, FileResult]]:
        """Start a worker in place of one that died; yield the items it died of too often."""
        del self._slots[worker]
        if not slot.capacity:
            self._early_deaths += 1
            if self._early_deaths >= _MAX_EARLY_DEATHS:
                raise EngineUnavailable(
                    f"The engine's process ended before it was ready: {cause}.",
                    hint="`parakeet doctor` shows the state of the ML stack.",
                )
        clear_leftovers(folders(slot.items.values()))
        for number, item in slot.items.items():
            self._deaths[number] += 1
            if self._deaths[number] < self._attempts or len(slot.items) > 1:
                self._suspects.append(item)
                continue
            result = _failed_each_time(item.job.name, cause, slot.silence.hung)
            self._view.ended(item.job, result)
            yield item, result
        self._slots[self._pool.start()] = Slot(silence=Silence(self._watch.now))

    def _fill(self, worker: WorkerHandle, slot: Slot) -> None:
        """Give a worker as many items as it has room for, but a suspect alone."""
        if any(self._deaths[number] for number in slot.items):
            return
        while len(slot.items) < slot.capacity:
            if self._suspects:
                if not slot.items:
                    self._give(worker, slot, self._suspects.popleft())
                return
            item = next(self._todo, _END)
            if isinstance(item, _End):
                self._more_todo = False
                return
            if item is None:
                return
            self._give(worker, slot, item)

    def _give(self, worker: WorkerHandle, slot: Slot, item: PlannedFile) -> None:
        slot.items[item.number] = item
        self._view.started(item.job, item.seconds)
        worker.give(item)


def _failed_each_time(name: str, cause: str, hung: float | None) -> FileResult:
    """The result of an item whose workers died, or hung for `hung` seconds, in each attempt."""
    if hung is not None:
        reason = f"The engine's process made no progress with {name} for {hung:.0f} s each time."
        return FileResult(name, Status.FAILED, reason=reason, hint=_CRASHED)
    memory = "SIGKILL" in cause or "memory" in cause
    return FileResult(
        name,
        Status.FAILED,
        reason=f"{name} ended the engine's process each time: {cause}.",
        hint=_OUT_OF_MEMORY if memory else _CRASHED,
    )
