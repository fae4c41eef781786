"""Items to stations and their results back, whatever happens to the stations.

A station that dies is replaced, and what it had in hand is tried again, each item alone:
then whose fault it is, is known. An item that takes its station along `tries` times fails
by its name, and the others go on.

At Ctrl-C the stations stop where nothing is half written, and what ended meanwhile is told.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.transcribe.outputs.plan import PlannedFile, folders
from parakeet_cli.transcribe.pipeline.interrupts import DeferredInterrupt, defer_interrupts
from parakeet_cli.transcribe.pipeline.jobs import ProgressView
from parakeet_cli.transcribe.workers.worker import Dropped, Ended, Event, Reached, Ready, Unusable
from parakeet_cli.transcript import FileResult, Status

A_MOMENT = 0.2  # seconds after which a crew's `events` returns, so that Ctrl-C is noticed
_PATIENCE = 10.0  # seconds for an output that is being written at Ctrl-C
_DEATHS_UNREADY = 3  # in a row, without one that became ready: the engine is to blame


@dataclass(frozen=True, slots=True)
class Died:
    """A station's process is gone; `how` says why, in plain words."""

    how: str


class WorkerHandle(Protocol):
    """A station, from where the driver sits."""

    def give(self, item: PlannedFile) -> None:
        """Send the worker an item; `Died` follows if it is gone."""
        ...


class WorkerPool(Protocol):
    """Where stations come from."""

    def start(self) -> WorkerHandle:
        """One station more, not ready yet."""
        ...

    def events(self) -> Iterator[tuple[WorkerHandle, Event | Died]]:
        """What happened; waits for it, but no longer than a moment."""
        ...

    def stop(self) -> None:
        """Tell all stations to give up what they have in hand, and to leave no output torn."""
        ...


@dataclass(slots=True)
class Slot:
    """What the driver knows of one station."""

    room: int = 0  # none until it is ready
    items: dict[int, PlannedFile] = field(default_factory=dict)


def dispatch(
    todo: Iterable[PlannedFile],
    crew: WorkerPool,
    hands: Iterable[WorkerHandle],
    view: ProgressView,
    *,
    tries: int,
    ready: Callable[[Ready], object] = lambda _: None,
) -> Iterator[tuple[PlannedFile, FileResult]]:
    """Each item with its result, as they come. Raises EngineUnavailable.

    `hands` are the crew's that work; others take the places of those that die.
    """
    return _Dispatch(todo, crew, hands, view, tries, ready).run()


class _Dispatch:
    def __init__(
        self,
        todo: Iterable[PlannedFile],
        crew: WorkerPool,
        hands: Iterable[WorkerHandle],
        view: ProgressView,
        tries: int,
        ready: Callable[[Ready], object],
    ) -> None:
        self._todo = iter(todo)
        self._more = True
        self._crew = crew
        self._view = view
        self._most = tries
        self._ready = ready
        self._posts = {hand: Slot() for hand in hands}
        self._suspects: deque[PlannedFile] = deque()
        self._deaths: Counter[int] = Counter()
        self._unready = 0

    def run(self) -> Iterator[tuple[PlannedFile, FileResult]]:
        with defer_interrupts() as held:  # until whoever takes a result has noted it, too
            while self._unfinished() and not held.pressed:
                for hand, event in self._crew.events():
                    yield from self._happened(hand, event)
                for hand, post in self._posts.items():
                    self._fill(hand, post)
            if held.pressed:
                yield from self._stopped(held)
            held.release()

    def _stopped(self, held: DeferredInterrupt) -> Iterator[tuple[PlannedFile, FileResult]]:
        """What ends while the stations stop; a second Ctrl-C waits for no more."""
        self._crew.stop()
        held.pressed = False
        until = time.monotonic() + _PATIENCE
        while self._in_hand() and not held.pressed and time.monotonic() < until:
            for hand, event in self._crew.events():
                if isinstance(event, Died):
                    self._posts.pop(hand, None)
                elif not isinstance(event, Unusable):
                    yield from self._happened(hand, event)
        held.pressed = True

    def _unfinished(self) -> bool:
        return self._more or bool(self._suspects) or self._in_hand()

    def _in_hand(self) -> bool:
        return any(post.items for post in self._posts.values())

    def _happened(
        self, hand: WorkerHandle, event: Event | Died
    ) -> Iterator[tuple[PlannedFile, FileResult]]:
        post = self._posts.get(hand)
        if post is None:
            return
        if isinstance(event, Ready):
            post.room = event.room
            self._unready = 0
            self._ready(event)
        elif isinstance(event, Reached):
            if event.number in post.items:
                self._view.advanced(post.items[event.number].job, event.seconds)
        elif isinstance(event, Ended):
            item = post.items.pop(event.number)
            self._view.ended(item.job, event.result)
            yield item, event.result
        elif isinstance(event, Dropped):
            del post.items[event.number]
        elif isinstance(event, Unusable):
            raise event.error
        else:
            yield from self._died(hand, post, event.how)

    def _died(
        self, hand: WorkerHandle, post: Slot, how: str
    ) -> Iterator[tuple[PlannedFile, FileResult]]:
        del self._posts[hand]
        if not post.room:
            self._unready += 1
            if self._unready >= _DEATHS_UNREADY:
                raise EngineUnavailable(
                    f"The engine's process ended before it was ready: {how}.",
                    hint="`parakeet doctor` shows the state of the ML stack.",
                )
        clear_leftovers(folders(post.items.values()))
        for number, item in post.items.items():
            self._deaths[number] += 1
            if self._deaths[number] < self._most or len(post.items) > 1:
                self._suspects.append(item)
                continue
            result = FileResult(
                item.job.name,
                Status.FAILED,
                reason=f"{item.job.name} ended the engine's process each time: {how}.",
                hint="`parakeet doctor --deep` tries the engine by itself.",
            )
            self._view.ended(item.job, result)
            yield item, result
        self._posts[self._crew.start()] = Slot()

    def _fill(self, hand: WorkerHandle, post: Slot) -> None:
        """As much as it has room for; a suspect is alone in its station."""
        if any(self._deaths[number] for number in post.items):
            return
        while len(post.items) < post.room:
            if self._suspects:
                if not post.items:
                    self._give(hand, post, self._suspects.popleft())
                return
            item = next(self._todo, None)
            if item is None:
                self._more = False
                return
            self._give(hand, post, item)

    def _give(self, hand: WorkerHandle, post: Slot, item: PlannedFile) -> None:
        post.items[item.number] = item
        self._view.started(item.job, item.seconds)
        hand.give(item)
