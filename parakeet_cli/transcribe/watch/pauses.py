"""Decides when a watch waits, because its surroundings failed, and when it goes on.

A batch ends when a disk stays full; a watch waits for as long as that takes. After a few files in a
row of one cause nothing more is begun, and after a while one of them is tried again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from parakeet_cli.errors import Obstacle
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcript import FileResult

_FEW = 3  # files in a row, or tries of one file, after which the cause is believed
_LEAST_SECONDS = 1.0  # between two tries


@dataclass(slots=True)
class Pauses:
    """What is held back, and until when nothing is begun. `wait` is in seconds."""

    wait: float
    say: Callable[[str], object]
    _until: float | None = None  # by `time.monotonic`
    _cause: str | None = None  # the latest one, which was said
    _in_a_row: int = 0
    _tries: Counter[str] = field(default_factory=Counter)  # by the inputs' keys
    _held: deque[tuple[float, PlannedFile]] = field(default_factory=deque)  # with when to try them

    @property
    def seconds(self) -> float:
        return max(_LEAST_SECONDS, self.wait)

    def hold(self, item: PlannedFile, result: FileResult) -> FileResult | None:
        """Hold back a file that an obstacle stopped; its result if it is to blame after all."""
        obstacle = result.obstacle
        assert isinstance(obstacle, Obstacle)
        key = item.job.key
        self._tries[key] += 1
        if not obstacle.certain and self._tries[key] >= _FEW and self._until is None:
            return replace(result, obstacle=None)
        self._held.append((time.monotonic() + self.seconds, item))
        self._in_a_row = self._in_a_row + 1 if obstacle.cause == self._cause else 1
        if self._in_a_row >= _FEW or obstacle.certain or self._until is not None:
            self.pause(obstacle.cause)
        else:
            self._cause = obstacle.cause
        return None

    def pause(self, cause: str) -> None:
        """Begin nothing for a while. It is said once for a cause."""
        if self._until is None or cause != self._cause:
            self.say(f"Waiting: {cause}. It is tried again each {self.seconds:g} s.")
        self._cause = cause
        self._until = time.monotonic() + self.seconds

    def passed(self, key: str | None = None) -> None:
        """Note that something went well: what was held back is tried again at once."""
        if key is not None:
            self._tries.pop(key, None)
        self._in_a_row = 0
        self._cause = None
        if self._until is not None:
            self._until = None
            self._held = deque((0.0, item) for _, item in self._held)
            self.say("Going on.")

    @property
    def over(self) -> bool:
        """Whether there is no pause, or it is time to try again."""
        return self._until is None or time.monotonic() >= self._until

    @property
    def trying(self) -> bool:
        """Whether one file alone may be tried: the cause may still be there."""
        return self._until is not None

    def next_held(self) -> PlannedFile | None:
        """A file that was held back and is to be tried now."""
        if self._held and (self._held[0][0] <= time.monotonic() or self.trying):
            return self._held.popleft()[1]
        return None
