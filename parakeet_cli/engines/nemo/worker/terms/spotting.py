"""Finds the words to expect in what a CTC head gives, and puts them in the place of its words.

A term is aligned with the frames by passing tokens along the tree, as in CTC: any label may last,
and blanks may stand between. Its cost is how much less probable that is than the labels that the
model finds best in those frames, and a part of how unsure the model is of those. What it earns is
evidence: for its letters, for its tokens, and for what it has in common with the letters that the
model finds there. The longer the list is, the more of that it takes, since one of many terms is
sooner found by chance. A term that earns more than it costs takes the place of the words there: of
whole words, so that nothing is left of one of them. (Andrusenko and others, "Fast Context-Biasing
for CTC and Transducer ASR models with CTC-based Word Spotter", 2024.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .tree import MARK, ROOT, Floats, TokenTree, make_tree

# A run of frames with the same label: (id, first frame, frame after the last).
Run = tuple[int, int, int]

# All of these are natural logarithms of probabilities, or their factors, chosen with two models on
# the development terms and voices of bench/vocabulary.py. What each letter of a term earns, each of
# its tokens, and all of them if they are the very letters which the model finds there:
_EARNINGS = (1.25,)
_TOKEN = 2.5
_ALIKE = 12.0
# What a term has to earn: its first word, each other word, and for the logarithm of how many terms
# there are. So words that the model knows are little evidence for a phrase with another one.
_PRICE = 16.0
_WORD = 5.0
_LIST = 1.0
_UNSURE = 0.75  # of how improbable what the model finds best is: there anything costs little
# What a term may cost beyond what its tokens have earned so far: a share of its letters' part.
_SHARE = 0.2
_WORST = 6.0  # what a frame of it may cost: a letter without evidence is another word's
_MOST = 16  # of the ways to go on from a frame


class _Way(NamedTuple):
    """A way through the tree that ends in a frame; `before` are its earlier labels."""

    cost: float  # less what its tokens have earned
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


def make_spotting_tree(pieces: Sequence[str], terms: Iterable[str]) -> TokenTree:
    """The tree of the terms over a model's pieces, in which all letters earn alike."""
    return make_tree(pieces, terms, _EARNINGS)


def runs_with_terms(tree: TokenTree, logprobs: Floats, blank: int) -> list[Run]:
    """The runs of one chunk, with the terms that are there in the place of other words.

    `logprobs` has the logarithms of the labels' probabilities, shape (frames, labels).
    """
    runs = greedy_runs(logprobs, blank)
    if not runs:
        return runs
    starts, ends = _boundaries(runs, tree.pieces, len(logprobs))
    spotted = _spotted(tree, logprobs, blank, starts, ends)
    best = sorted(_worth_it(tree, runs, spotted), key=lambda one: one.gain, reverse=True)
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

    It begins in a pause or in the first frame of a word, and ends behind the beginning of a
    word's last piece, at most where the next word begins.
    """
    begins = [at for at, run in enumerate(runs) if at == 0 or pieces[run[0]].startswith(MARK)]
    starts = [True] * count
    ends = set(range(runs[-1][1] + 1, count + 1))
    for first, following in pairwise([*begins, len(runs)]):
        last = runs[following - 1]
        for frame in range(runs[first][1] + 1, last[2]):
            starts[frame] = False
        if following < len(runs):
            ends.update(range(last[1] + 1, runs[following][1] + 1))
    return starts, ends


def _spotted(
    tree: TokenTree, logprobs: Floats, blank: int, starts: Sequence[bool], ends: set[int]
) -> Iterator[_Found]:
    """Every term that may cost less than it earns, at each of its ends.

    Its gain is as if it had the very letters that the model finds there.
    """
    price = _PRICE + _LIST * math.log(max(tree.terms, 1)) - _ALIKE
    costs = (1 - _UNSURE) * logprobs.max(axis=1, keepdims=True) - logprobs
    costs[costs > _WORST] = np.inf
    roots = tree.arcs(ROOT)
    first = costs[:, roots.ids]
    begins = (first <= _TOKEN + _SHARE * roots.weights) & np.array(starts)[:, None]
    beginning: dict[int, list[int]] = {}
    for frame, at in zip(*(one.tolist() for one in begins.nonzero()), strict=True):
        beginning.setdefault(frame, []).append(at)
    ways: dict[tuple[int, int], _Way] = {}  # by node, and the label that the frame has
    for frame, row in enumerate(costs):
        after: dict[tuple[int, int], _Way] = {}
        if ways:
            likely = np.flatnonzero(row < np.inf)
            by_label = dict(zip(likely.tolist(), row[likely].tolist(), strict=True))
            for place, way in ways.items():
                _go_on(tree, after, place, way, by_label, frame, blank)
        for at in beginning.get(frame, ()):
            label, cost = int(roots.ids[at]), float(first[frame, at]) - _TOKEN
            _keep(after, int(roots.nodes[at]), label, _Way(cost, frame, label, frame, None))
        ways = after
        if len(ways) > _MOST:
            by_gain = sorted(ways.items(), key=lambda one: one[1].cost - tree.earned(one[0][0]))
            ways = dict(by_gain[:_MOST])
        if frame + 1 in ends:
            for (node, _), way in ways.items():
                gain = tree.earned(node) - way.cost - price
                if gain > 0 and tree.is_end(node):
                    yield _Found(way.start, frame + 1, gain, _runs(way, frame + 1, blank))


def _worth_it(tree: TokenTree, runs: Sequence[Run], spotted: Iterable[_Found]) -> Iterator[_Found]:
    """Those that cost less than they earn, with what they have in common with the model's letters.

    `runs` are the model's own. What is by chance in a span that doesn't sound like it is alike in
    few letters.
    """
    for found in spotted:
        own = [run for run in runs if found.start <= run[1] < found.end]
        letters, others = (_letters(tree.pieces, one) for one in (found.runs, own))
        different = _edits(letters, others) / max(len(letters), len(others))
        words = sum(tree.pieces[run[0]].count(MARK) for run in found.runs)
        gain = found.gain - _ALIKE * different - _WORD * (words - 1)
        if gain > 0:
            yield replace(found, gain=gain)


def _letters(pieces: Sequence[str], runs: Sequence[Run]) -> str:
    return "".join(pieces[run[0]] for run in runs).replace(MARK, "").casefold()


def _edits(a: str, b: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def _go_on(
    tree: TokenTree,
    after: dict[tuple[int, int], _Way],
    place: tuple[int, int],
    way: _Way,
    row: dict[int, float],
    frame: int,
    blank: int,
) -> None:
    """Add the ways that a way can go on in the next frame, of which `row` has the labels' costs."""
    node, label = place
    cost, start, _, since, before = way
    limit = _SHARE * tree.earned(node)
    lasting = cost + row.get(label, math.inf)
    if lasting <= limit:
        _keep(after, node, label, _Way(lasting, start, label, since, before))
    if label != blank:
        silent = cost + row.get(blank, math.inf)
        if silent <= limit:
            _keep(after, node, blank, _Way(silent, start, blank, frame, way))
    limit += _TOKEN - cost
    onward = tree.continuing(node)
    for token in row if len(row) < len(onward) else onward:
        if token == label or token not in row or token not in onward:
            continue
        following, weight = onward[token]
        if row[token] <= limit + _SHARE * weight:
            one = _Way(cost + row[token] - _TOKEN, start, token, frame, way)
            _keep(after, following, token, one)


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
