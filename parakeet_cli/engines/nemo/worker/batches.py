"""Which of the waiting chunks are worked on together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

# What is filled up with silence to the longest of a batch costs as much as sound does.
_PADDING = 0.25  # of a batch's length, at most


class Waiting(Protocol):
    """A chunk that waits."""

    @property
    def seconds(self) -> float: ...

    @property
    def alone(self) -> bool:
        """Whether it was there when a worker died, and must not share its fate again."""
        ...


W = TypeVar("W", bound=Waiting)


def next_batch(waiting: Sequence[W], budget: float, most: int) -> list[W]:
    """The batch to work on now, longest first; never empty where something waits.

    It holds the one that has waited longest and those nearest to it in length, at most
    `most` of them, that fit `budget` seconds with padding. Taking the oldest keeps a
    recording's chunks coming back in order.
    """
    if not waiting:
        return []
    oldest = waiting[0]
    if oldest.alone:
        return [oldest]
    others = [one for one in waiting[1:] if not one.alone]
    others.sort(key=lambda one: abs(one.seconds - oldest.seconds))
    batch = [oldest]
    for one in others:
        grown = [*batch, one]
        longest = max(each.seconds for each in grown)
        padded = longest * len(grown)
        sound = sum(each.seconds for each in grown)
        if len(grown) > most or padded > budget or padded - sound > _PADDING * padded:
            break
        batch = grown
    return sorted(batch, key=lambda one: one.seconds, reverse=True)
