"""Chooses which of the queued chunks are transcribed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .encoding import SAMPLE_RATE

MAX_BATCH = 128  # chunks, as in NeMo's own measurements

# Silence that pads a chunk to the longest of its batch costs as much as speech does.
_PADDING = 0.25  # of a batch's length, at most


class Queued(Protocol):
    """A chunk in the queue."""

    @property
    def seconds(self) -> float: ...

    @property
    def alone(self) -> bool:
        """Whether it must have a batch of its own, because a worker died over it before."""
        ...


@dataclass(slots=True)
class WorkerRequest:
    """One message from the tool: what to do, and samples, mono at 16 kHz, shape (n,)."""

    head: dict[str, Any]
    samples: NDArray[np.float32]
    retried: bool = False  # whether it failed by itself and is tried once more

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def alone(self) -> bool:
        return bool(self.head.get("alone") or self.head.get("boundaries"))


Batch = list[WorkerRequest]
Q = TypeVar("Q", bound=Queued)


def next_batch(queue: Sequence[Q], budget: float, max_chunks: int) -> list[Q]:
    """The next batch, longest chunk first; empty only where the queue is.

    It has the oldest chunk and those nearest to it in length, at most `max_chunks`, that fit
    `budget` seconds with padding. Taking the oldest keeps a recording's chunks coming back in
    order.
    """
    if not queue:
        return []
    oldest = queue[0]
    if oldest.alone:
        return [oldest]
    others = [one for one in queue[1:] if not one.alone]
    others.sort(key=lambda one: abs(one.seconds - oldest.seconds))
    batch = [oldest]
    for one in others:
        larger = [*batch, one]
        if len(larger) > max_chunks or not _fits([each.seconds for each in larger], budget):
            break
        batch = larger
    return sorted(batch, key=lambda one: one.seconds, reverse=True)


def _fits(lengths: Sequence[float], budget: float) -> bool:
    padded = max(lengths) * len(lengths)
    return padded <= budget and padded - sum(lengths) <= _PADDING * padded
