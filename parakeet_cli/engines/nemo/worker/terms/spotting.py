"""Finds the words to expect in what a CTC head gives, and puts them in the place of its words.

A term is aligned with the frames by passing tokens along the tree, as in CTC: any label may last,
and blanks may stand between. Its cost is how much less probable that is than the labels that the
model finds best in those frames. A term that costs less than it earns takes the place of the
words there: of whole words, so that nothing is left of one of them. (Andrusenko and others, "Fast
Context-Biasing for CTC and Transducer ASR models with CTC-based Word Spotter", 2024.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .tree import MARK, ROOT, Floats, TokenTree

# A run of frames with the same label: (id, first frame, frame after the last).
Run = tuple[int, int, int]

# Natural logarithms: what a term may cost beyond what its letters have earned so far.
_AHEAD = 4.0
_MOST = 150  # of the ways to go on from a frame


@dataclass(frozen=True, slots=True)
class _Way:
    """A way through the tree that ends in a frame; `before` are its earlier labels."""

    cost: float
    start: int  # its first frame
    label: int
    since: int  # the first frame of the label
    before: _Way | None


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    gain: float
    runs: list[Run]


def greedy_runs(logprobs: Floats, blank: int) -> list[Run]:
    """The runs of frames with the same most probable label, without blanks."""
    best = logprobs.argmax(axis=-1)
    edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
    return [
        (int(best[start]), start, end)
        for start, end in pairwise(edges)
        if end > start and best[start] != blank
    ]


def runs_with_terms(tree: TokenTree, logprobs: Floats, blank: int) -> list[Run]:
    """The runs of one chunk, with the terms that are there in the place of other words.

    `logprobs` has the logarithms of the labels' probabilities, shape (frames, labels).
    """
    runs = greedy_runs(logprobs, blank)
    if not runs:
        return runs
    starts, ends = _boundaries(runs, tree.pieces, len(logprobs))
    best = sorted(
        _spotted(tree, logprobs, blank, starts, ends), key=lambda one: one.gain, reverse=True
    )
    taken: list[_Found] = []
    for found in best:
        if all(found.end <= other.start or other.end <= found.start for other in taken):
            taken.append(found)
    for found in taken:
        runs = [run for run in runs if not found.start <= run[1] < found.end] + found.runs
    return sorted(runs, key=lambda run: run[1])


def _boundaries(
    runs: Sequence[Run], pieces: Sequence[str], count: int
) -> tuple[list[bool], set[int]]:
    """In which frames a term may begin, and at which it may end: where no word is divided.

    It begins in a pause or with the first piece of a word, and ends behind the beginning of a
    word's last piece, at most where the next word begins.
    """
    begins = [at for at, run in enumerate(runs) if at == 0 or pieces[run[0]].startswith(MARK)]
    starts = [True] * count
    ends = set(range(runs[-1][1] + 1, count + 1))
    for first, following in pairwise([*begins, len(runs)]):
        last = runs[following - 1]
        for frame in range(runs[first][2], last[2]):
            starts[frame] = False
        if following < len(runs):
            ends.update(range(last[1] + 1, runs[following][1] + 1))
    return starts, ends


def _spotted(
    tree: TokenTree, logprobs: Floats, blank: int, starts: Sequence[bool], ends: set[int]
) -> Iterator[_Found]:
    """Every term that costs less than it earns, at each of its ends."""
    costs = logprobs.max(axis=1, keepdims=True) - logprobs
    roots = tree.arcs(ROOT)
    ways: dict[tuple[int, int], _Way] = {}  # by node, and the label that the frame has
    for frame, row in enumerate(costs):
        after: dict[tuple[int, int], _Way] = {}
        for (node, label), way in ways.items():
            _go_on(tree, after, (node, label), way, row, frame, blank)
        if starts[frame]:
            first = row[roots.ids]
            for at in np.flatnonzero(first <= roots.weights + _AHEAD).tolist():
                label, cost = int(roots.ids[at]), float(first[at])
                _keep(after, int(roots.nodes[at]), label, _Way(cost, frame, label, frame, None))
        ways = after
        if len(ways) > _MOST:
            by_gain = sorted(ways.items(), key=lambda one: one[1].cost - tree.earned(one[0][0]))
            ways = dict(by_gain[:_MOST])
        if frame + 1 in ends:
            for (node, _), way in ways.items():
                gain = tree.finished(node) - way.cost
                if tree.is_end(node) and gain > 0:
                    yield _Found(way.start, frame + 1, gain, _runs(way, frame + 1, blank))


def _go_on(
    tree: TokenTree,
    after: dict[tuple[int, int], _Way],
    place: tuple[int, int],
    way: _Way,
    row: Floats,
    frame: int,
    blank: int,
) -> None:
    """Add the ways that a way can go on in the next frame."""
    node, label = place
    limit = tree.earned(node) + _AHEAD
    lasting = way.cost + float(row[label])
    if lasting <= limit:
        _keep(after, node, label, _Way(lasting, way.start, label, way.since, way.before))
    if label != blank:
        silent = way.cost + float(row[blank])
        if silent <= limit:
            _keep(after, node, blank, _Way(silent, way.start, blank, frame, way))
    arcs = tree.arcs(node)
    if not len(arcs.ids):
        return
    next_costs = way.cost + row[arcs.ids]
    fits = arcs.continues & (next_costs <= limit + arcs.weights) & (arcs.ids != label)
    for at in np.flatnonzero(fits).tolist():
        following = int(arcs.ids[at])
        cost = float(next_costs[at])
        _keep(after, int(arcs.nodes[at]), following, _Way(cost, way.start, following, frame, way))


def _keep(after: dict[tuple[int, int], _Way], node: int, label: int, way: _Way) -> None:
    known = after.get((node, label))
    if known is None or way.cost < known.cost:
        after[node, label] = way


def _runs(way: _Way, end: int, blank: int) -> list[Run]:
    runs: list[Run] = []
    one: _Way | None = way
    while one is not None:
        if one.label != blank:
            runs.append((one.label, one.since, end))
        end, one = one.since, one.before
    return runs[::-1]
