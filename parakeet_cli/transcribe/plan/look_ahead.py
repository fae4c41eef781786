"""Gives out a batch's files, the longest first, while it still reads their headers.

However many files there are, the first one doesn't wait for the headers of all: which is the
longest is decided among those whose length is known by then, so that no worker is left alone
with a long recording at the end.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Condition, Thread

from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.plan.schedule import (
    MAX_READERS,
    with_asked_duration,
    with_known_duration,
)

MAX_KNOWN = 1 << 15  # files whose length is known and that wait: no more headers are read then
_ENOUGH = 1 << 12  # of them to begin with
_FIRST_SECONDS = 1.0  # for which the first file waits for that many
_READERS = 4  # threads that read headers themselves: shares in a network wait on each


class LookAhead:
    """The files of a batch, each once; iterate over it from one thread.

    Files of unknown length come first: any of them may be the longest.
    """

    def __init__(self, items: Sequence[PlannedFile], *, cores: int) -> None:
        self.count = len(items)
        self._changed = Condition()
        self._unread = deque(items)
        self._in_reading: dict[int, PlannedFile] = {}  # by number
        self._known: list[tuple[float, int, PlannedFile]] = []  # a heap, the longest first
        self._measured = 0  # files with a known length, and their seconds in all
        self._seconds = 0.0
        self._settled = 0  # files whose header is read, or will never be
        self._closed = False
        self._to_ask: SimpleQueue[PlannedFile | None] = SimpleQueue()
        self._askers = min(cores, MAX_READERS)
        self._asking = 0  # threads that ask a decoder
        self._until = time.monotonic() + _FIRST_SECONDS

    def __enter__(self) -> LookAhead:
        for number in range(min(_READERS, 1 + self.count // _ENOUGH)):
            Thread(target=self._read, name=f"headers-{number}", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            for _asker in range(self._asking):
                self._to_ask.put(None)

    @property
    def complete(self) -> bool:
        """Whether no header is left to be read."""
        return self._settled == self.count

    @property
    def seconds(self) -> float:
        """Seconds of audio of all files: a guess by those read, until it is `complete`."""
        with self._changed:
            if not self._measured:
                return 0.0
            unread = self.count - self._settled
            return self._seconds * (1 + unread / self._measured)

    def wait_for_enough(self) -> None:
        """Wait until a good order is possible, but not for long."""
        with self._changed:
            self._changed.wait_for(self._has_enough, max(0.0, self._until - time.monotonic()))

    def _has_enough(self) -> bool:
        return self.complete or len(self._known) >= _ENOUGH

    def __iter__(self) -> Iterator[PlannedFile]:
        self.wait_for_enough()
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> PlannedFile | None:
        """The longest of those that are known, else any: nothing waits for a header."""
        with self._changed:
            if self._known:
                item = heapq.heappop(self._known)[2]
                self._changed.notify_all()
                return item
            if self._unread:
                self._settled += 1
                return self._unread.popleft()
            for number in self._in_reading:
                self._settled += 1
                return self._in_reading.pop(number)
        return None

    def _read(self) -> None:
        """Read headers by our own readers, and leave the others to decoders."""
        while (item := self._begin()) is not None:
            item, known = with_known_duration(item)
            if known:
                self._add(item)
            else:
                self._ask(item)

    def _begin(self) -> PlannedFile | None:
        """The next file to read, once there is room for it; None at the end."""
        with self._changed:
            self._changed.wait_for(self._may_read)
            if self._closed or not self._unread:
                return None
            item = self._unread.popleft()
            self._in_reading[item.number] = item
            return item

    def _may_read(self) -> bool:
        waiting = len(self._known) + len(self._in_reading)
        return self._closed or not self._unread or waiting < MAX_KNOWN

    def _add(self, item: PlannedFile) -> None:
        """Add a file that was read, unless it was given out meanwhile."""
        with self._changed:
            if self._in_reading.pop(item.number, None) is None:
                return
            self._settled += 1
            if item.seconds is not None:
                self._measured += 1
                self._seconds += item.seconds
            length = math.inf if item.seconds is None else item.seconds
            heapq.heappush(self._known, (-length, item.number, item))
            if self._has_enough():
                self._changed.notify_all()

    def _ask(self, item: PlannedFile) -> None:
        with self._changed:
            more = self._asking < self._askers
            self._asking += more
        self._to_ask.put(item)
        if more:
            Thread(target=self._ask_decoder, name="headers", daemon=True).start()

    def _ask_decoder(self) -> None:
        while (item := self._to_ask.get()) is not None and not self._closed:
            if item.number in self._in_reading:
                self._add(with_asked_duration(item))
