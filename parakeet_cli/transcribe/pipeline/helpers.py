"""Has other feeders find the speech in a long recording, while its own feeder decodes it.

What is found in a block depends on nothing but that block and the second before it
(`audio/segment/sparse.py`). So while a feeder has no file of its own, it takes such looks from one
that has, and whoever takes them finds the same.
"""

from __future__ import annotations

import contextlib
import select
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Condition

import numpy as np

from parakeet_cli.audio.decode.media import Block, Media
from parakeet_cli.audio.decode.messages import INBOX_SLOTS, NO_NOTES, MessageKind
from parakeet_cli.audio.decode.pool import DecoderDied, DecoderWorker, default_pool
from parakeet_cli.audio.segment.sparse import Look, Looks
from parakeet_cli.audio.segment.speech import SPARSE_HELPER, Probabilities, ReceivedSpeech
from parakeet_cli.errors import EngineUnavailable

_BLOCKS_EACH = 6  # for each helper: two that it has, and those that are being decoded for it
_LONG_SECONDS = 300.0  # of a recording: a helper's process takes as much as feeding this does
_DEATHS = 3  # of helpers, after which it isn't by chance


class Places:
    """How many feeders may work at once: those that have a file, and those that help."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._waiting = 0
        self._changed = Condition()

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """A place for a file, once there is one: helpers leave theirs soon."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._free)
                self._free -= 1
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            self.leave()

    def take_idle(self) -> bool:
        """Whether there was a place for a helper, which is taken now."""
        with self._changed:
            if self._waiting or not self._free:
                return False
            self._free -= 1
            return True

    def leave(self) -> None:
        """Free a place."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    @property
    def wanted(self) -> bool:
        """Whether a file waits for a place."""
        return bool(self._waiting)


@dataclass(slots=True, eq=False)
class _Task:
    """A look that a helper is to take, and what it found."""

    look: Look
    found: Probabilities | None = None


@dataclass(slots=True, eq=False)
class _Entry:
    """A block, and the tasks that find its speech; none if its own feeder has found it."""

    block: Block
    found: Probabilities | None
    tasks: list[_Task]

    @property
    def is_bare(self) -> bool:
        return self.found is None

    @property
    def ready(self) -> bool:
        return all(task.found is not None for task in self.tasks)

    def probabilities(self) -> Iterator[Probabilities]:
        """All that was found, in order; it is ready."""
        for found in (self.found, *(task.found for task in self.tasks)):
            if found is not None:
                yield found


@dataclass(slots=True, eq=False)
class _Helper:
    worker: DecoderWorker
    tasks: deque[_Task] = field(default_factory=deque)


class SharedWork:
    """Passes a recording's blocks on in their order, each after what was found in it.

    `receive` and `wants_bare` are for the feeder that decodes; `speech` gets what is found. Nobody
    else is asked for anything unless the work `shares`.
    """

    def __init__(self, speech: ReceivedSpeech, places: Places, *, shares: bool) -> None:
        self._speech = speech
        self._places = places
        self._shares = shares and places.count > 1
        self._pool = default_pool()
        self._looks = Looks()
        self._notes: deque[Probabilities | None] = deque()  # of blocks that are still to come
        self._window: deque[_Entry] = deque()
        self._todo: deque[_Task] = deque()
        self._helpers: list[_Helper] = []
        self._bare = 0  # blocks that were asked for or have come, and whose looks aren't taken
        self._deaths = 0

    def receive(self, notes: Probabilities | None) -> None:
        """What the feeder found in the block that comes next; None if it didn't look."""
        self._notes.append(notes)

    def wants_bare(self) -> bool:
        """Whether the feeder shall leave the next block to a helper."""
        if not self._shares:
            return False
        if self._bare >= _BLOCKS_EACH * len(self._helpers) and not self._hire():
            return False
        if self._places.wanted:
            return False
        self._bare += 1
        return True

    def blocks(self, media: Media) -> Iterator[Block]:
        """The recording's blocks. Raises what reading them does, and EngineUnavailable."""
        self._shares = self._shares and (media.source.duration or 0.0) >= _LONG_SECONDS
        try:
            for block in media:
                self._add(block)
                self._advance(wait=False)
                yield from self._ready_blocks(most=_BLOCKS_EACH * (1 + len(self._helpers)))
                if self._places.wanted and not self._bare:
                    self._dismiss()
            yield from self._ready_blocks(most=0)
            for found in self._notes:  # at the end
                self._speech.receive(found if found is not None else NO_NOTES)
        finally:
            self._dismiss()

    def _ready_blocks(self, most: int) -> Iterator[Block]:
        """The first blocks whose speech was found; waits until at most `most` others are left."""
        while self._window and (self._window[0].ready or len(self._window) > most):
            if not self._window[0].ready:
                self._advance(wait=True)
                continue
            entry = self._window.popleft()
            self._bare -= entry.is_bare
            for found in entry.probabilities():
                self._speech.receive(found)
            yield entry.block

    def _add(self, block: Block) -> None:
        found = self._notes.popleft() if self._notes else NO_NOTES
        looks = self._looks.add(block) if self._shares else []
        tasks = [_Task(look) for look in looks] if found is None else []
        self._todo += tasks
        self._window.append(_Entry(block, found, tasks))

    def _hire(self) -> bool:
        if len(self._helpers) + 1 >= self._places.count or not self._places.take_idle():
            return False
        worker = self._pool.take()
        if not worker.can_help:
            self._pool.give_back(worker)
            self._places.leave()
            return False
        self._helpers.append(_Helper(worker))
        return True

    def _advance(self, *, wait: bool) -> None:
        """Give the helpers what they have room for, and take what they have found."""
        for helper in self._helpers:
            while self._todo and len(helper.tasks) < INBOX_SLOTS:
                self._ask(helper, self._todo.popleft())
        busy = {helper.worker.fileno(): helper for helper in self._helpers if helper.tasks}
        if not busy:
            return
        seconds = self._pool.limits.seconds if wait else 0.0
        ready, _, _ = select.select(list(busy), [], [], seconds)
        for descriptor in ready or (busy if wait else ()):  # one that is silent is ended
            self._take(busy[descriptor])

    def _ask(self, helper: _Helper, task: _Task) -> None:
        look = task.look
        helper.tasks.append(task)
        samples = np.concatenate((look.before, look.frames))
        try:
            helper.worker.ask(SPARSE_HELPER, samples, before=len(look.before), peak=look.peak)
        except DecoderDied as death:
            self._replace(helper, death)

    def _take(self, helper: _Helper) -> None:
        try:
            message = helper.worker.receive()
        except DecoderDied as death:
            self._replace(helper, death)
            return
        if message.kind is MessageKind.UNUSABLE:
            raise EngineUnavailable(message.json["message"], hint=message.json["hint"])
        helper.tasks.popleft().found = message.notes

    def _replace(self, helper: _Helper, death: DecoderDied) -> None:
        """A helper has died: another takes its looks."""
        self._deaths += 1
        if self._deaths >= _DEATHS:
            raise death.as_error("The speech can't be found") from death
        self._todo.extendleft(reversed(helper.tasks))
        helper.tasks.clear()
        helper.worker = self._pool.take()

    def _dismiss(self) -> None:
        """Let the helpers go; one that still has a look, because of an error, is ended."""
        for helper in self._helpers:
            if helper.tasks:
                helper.worker.kill()
            else:
                self._pool.give_back(helper.worker)
            self._places.leave()
        self._helpers.clear()
