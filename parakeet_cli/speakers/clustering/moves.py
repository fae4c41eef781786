"""Improves how windows are divided among speakers, by halving one group and joining two others.

Clustering that goes from small groups to large ones sometimes takes two speakers for one and
divides a third. A move puts that right: it halves a group and joins two others, so that the number
stays. It is made if it is likelier in two respects: by all windows, and where a group counts as no
more than so many windows, as in `likelihood.py`. By all windows alone, two moods of who speaks
much would outweigh one who speaks little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from parakeet_cli.speakers.clustering.likelihood import Labels, Values, evidence, gains
from parakeet_cli.speakers.clustering.space import voice_space
from parakeet_cli.speakers.embeddings import Embeddings, unit

LEAST = 3.0  # windows of 1.5 s in which somebody speaks at least, unless the number is given

_MOVES = 6  # at most, one after the other
_AXES = 2  # along which a group is halved: those on which it spreads most
_JOINED = 2  # pairs that are tried for each half: those that are likeliest one speaker
_ROUNDS = 4  # of moving windows to the nearest centre


def improved(vectors: Embeddings, weights: Values, labels: Labels, number: int) -> Labels:
    """The speaker of each vector, from 0, of as many speakers as in `labels`: `number`.

    `vectors` are as in `centres.py`, shape (n, 192), and `weights` are windows, shape (n,).
    """
    space = voice_space()
    windows = _Windows(vectors, weights, vectors @ space.axes, space.between)
    ways = (windows.settled(labels, number), labels)
    return windows.moved(max(ways, key=lambda way: windows.likelihood(way, number)), number)


@dataclass(frozen=True, slots=True)
class _Windows:
    vectors: Embeddings  # shape (n, 192)
    weights: Values  # shape (n,)
    values: Values  # the vectors on the axes of the voice space, shape (n, 192)
    between: Values  # shape (192,)

    def sums(self, labels: Labels, number: int) -> tuple[Values, Values]:
        """The sum of each group's values, shape (number, 192), and its size, shape (number,)."""
        shares = (np.arange(number)[:, None] == labels) * self.weights
        return shares @ self.values, shares.sum(axis=1)

    def likelihood(self, labels: Labels, number: int) -> float:
        return evidence(*self.sums(labels, number), self.between)

    def settled(self, labels: Labels, number: int) -> Labels:
        """The labels after windows went to the nearest centre; a group may become empty."""
        for _ in range(_ROUNDS):
            shares = (np.arange(number)[:, None] == labels) * self.weights
            nearest: Labels = (self.vectors @ unit(shares @ self.vectors).T).argmax(axis=1)
            if (nearest == labels).all():
                break
            labels = nearest
        return labels

    def moved(self, labels: Labels, number: int) -> Labels:
        """The labels after the moves that make them likelier."""
        for _ in range(_MOVES):
            likelihood, best, found = self.likelihood(labels, number), 0.0, None
            least = min(LEAST, self.sums(labels, number)[1].min())
            for gain, way in self._moves(labels, number):
                if gain <= best:
                    continue
                way = self.settled(way, number)
                small = self.sums(way, number)[1].min() < least
                if not small and self.likelihood(way, number) > likelihood:
                    best, found = gain, way
            if found is None:
                break
            labels = found
        return labels

    def _moves(self, labels: Labels, number: int) -> Iterator[tuple[float, Labels]]:
        """Ways to halve a group and join two others, and by how much each is likelier."""
        for halved, way in self._halved(labels, number):
            sums, sizes = self.sums(way, number + 1)
            pairs = [
                (gain, one, other)
                for one in range(number)
                for other, gain in enumerate(
                    gains(sums, sizes, one, np.arange(one + 1, number + 1), self.between), one + 1
                )
            ]
            loss = next(gain for gain, *pair in pairs if pair == [halved, number])
            others = [pair for pair in pairs if pair[1:] != (halved, number)]
            for gain, one, other in sorted(others, reverse=True)[:_JOINED]:
                joint = np.where(way == other, one, way)
                yield gain - loss, joint - (joint > other)

    def _halved(self, labels: Labels, number: int) -> Iterator[tuple[int, Labels]]:
        """Each group, and the labels where a half of it has a number of its own."""
        for group in range(number):
            members = np.flatnonzero(labels == group)
            if len(members) < 4:
                continue
            for half in self._halves(members):
                way = labels.copy()
                way[half] = number
                yield group, way

    def _halves(self, members: Labels) -> Iterator[Labels]:
        """A half of the members, by each of the axes on which they spread most as voices do."""
        weights = self.weights[members]
        values = self.values[members] * np.sqrt(self.between / (1 + self.between))
        values = (values - np.average(values, axis=0, weights=weights)) * np.sqrt(weights)[:, None]
        axes = np.linalg.eigh(values.T @ values)[1][:, -_AXES:]
        part = _Windows(self.vectors[members], weights, self.values[members], self.between)
        for side in (values @ axes).T:
            labels = part.settled((side > 0).astype(np.intp), 2)
            if 0 < labels.sum() < len(labels):
                yield members[labels == 1]
