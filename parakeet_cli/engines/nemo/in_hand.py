"""Counts the sound that NeMo's worker has in hand, and says when it is silent for too long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from parakeet_cli.engines.silence import FLOOR_SECONDS, LOADING_SECONDS, SLACK, ProgressClock

# × real time, of devices in use: taken until something is measured. The first batch of a GPU may
# have two hours of sound, and its CUDA graphs are made with it.
_SLOWEST_CPU, _SLOWEST_GPU = 0.2, 10.0


@dataclass(slots=True)
class SoundInHand(ProgressClock):
    """The requests of one worker that have no answer, and how long it has been silent."""

    on_gpu: bool = False
    _seconds: dict[int, float] = field(default_factory=dict)  # of sound, by request
    _loading: set[int] = field(default_factory=set)
    _since: float = 0.0  # when it last said something, or had nothing to do

    def of_the_next_worker(self) -> SoundInHand:
        """That of a worker in the place of this one: it has nothing in hand, and the same speed."""
        return SoundInHand(on_gpu=self.on_gpu, _audio=self._audio, _busy=self._busy)

    def add(self, number: int, operation: str, seconds: float) -> None:
        """Count a request with so many seconds of sound."""
        self.tick()
        if not self._seconds:
            self._since = self.now
        self._seconds[number] = seconds
        if operation.startswith("load"):
            self._loading.add(number)

    def progressed(self) -> None:
        """End a silence: something came from the worker."""
        self.tick()
        if self._seconds and not self._loading:
            self.add_busy(self.now - self._since)
        self._since = self.now

    def answered(self, number: int) -> None:
        """End a silence with the answer to a request."""
        self.progressed()
        self._loading.discard(number)
        self.add_audio(self._seconds.pop(number))

    def hangs(self, started: Collection[int]) -> float | None:
        """For how many seconds the worker has been silent, if that is too long; else None.

        `started` are the requests that it works on; the others wait. Live speech isn't announced.
        """
        self.tick()
        silent = self.now - self._since
        return silent if self._seconds and silent > self.allowed(started) else None

    def allowed(self, started: Collection[int]) -> float:
        """For how many seconds it may be silent."""
        if self._loading:
            return LOADING_SECONDS
        sound = sum(self._seconds[one] for one in started) or max(self._seconds.values())
        speed = self.speed(_SLOWEST_GPU if self.on_gpu else _SLOWEST_CPU)
        return FLOOR_SECONDS + SLACK * sound / speed
