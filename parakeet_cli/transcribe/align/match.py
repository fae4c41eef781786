"""Matches two sequences of words that are mostly the same.

Phrases that are in both once are anchors, by the longest of their chains in order (the patience
diff). What is between two anchors is short, and is matched by dynamic programming, in which a word
may also match two or three that sound like it together ("e mail" and "email"). So a text of ten
hours takes seconds, and the two may differ anywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

_MOST_CELLS = 40_000  # of a matrix: a few tenths of a second
_PHRASES = (4, 3, 2, 1)  # words of an anchor, the surest first
_GAP = 0.7  # the cost of a word that only one side has; two of them cost more than unlike words
_JOINED_ALIKE = 0.8  # from which likeness on several words are one
_LONGEST = 200  # letters of a word; what is longer is no speech, and would take minutes
_NUMERAL = 0.5  # the likeness of "20" and "twenty", as far as can be told

Words = Sequence[str]
Range = tuple[int, int]  # from, and up to


@dataclass(frozen=True, slots=True)
class Match:
    """Words `first` of one sequence that are the words `second` of the other; one may be empty."""

    first: Range
    second: Range


@lru_cache(maxsize=100_000)
def likeness(one: str, other: str) -> float:
    """0 to 1: the share of letters that two words have in common, in order."""
    if one == other:
        return 1.0
    if any(map(str.isdigit, one)) or any(map(str.isdigit, other)):
        return _NUMERAL
    if max(len(one), len(other)) > _LONGEST:
        return 0.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def match_words(first: Words, second: Words) -> list[Match]:
    """Every word of both sequences, in order, each in one match."""
    return list(_matched(first, second, (0, len(first)), (0, len(second))))


def _matched(first: Words, second: Words, left: Range, right: Range) -> Iterator[Match]:
    """The matches of two parts, from anchor to anchor."""
    if (left[1] - left[0]) * (right[1] - right[0]) <= _MOST_CELLS:
        yield from _by_costs(first, second, left, right)
        return
    anchors = _anchors(first, second, left, right)
    if not anchors:
        yield from _by_blocks(first, second, left, right)
        return
    at, opposite = left[0], right[0]
    for here, there in anchors:
        if here > at or there > opposite:
            yield from _matched(first, second, (at, here), (opposite, there))
        yield Match((here, here + 1), (there, there + 1))
        at, opposite = here + 1, there + 1
    yield from _matched(first, second, (at, left[1]), (opposite, right[1]))


def _anchors(first: Words, second: Words, left: Range, right: Range) -> list[tuple[int, int]]:
    """Pairs of equal words in order, from phrases that each part has once."""
    for length in _PHRASES:
        places = _unique(first, left, length), _unique(second, right, length)
        common = sorted((places[0][key], places[1][key]) for key in places[0].keys() & places[1])
        if common:
            return _longest_chain(common)
    return []


def _unique(words: Words, part: Range, length: int) -> dict[tuple[str, ...], int]:
    """The phrases that a part has once, and where."""
    phrases = {at: tuple(words[at : at + length]) for at in range(part[0], part[1] - length + 1)}
    counts = Counter(phrases.values())
    return {phrase: at for at, phrase in phrases.items() if counts[phrase] == 1}


def _longest_chain(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs whose second numbers rise as the first ones do."""
    tails: list[int] = []  # the least second number that ends a chain of each length
    ends: list[int] = []  # which pair that is
    before: list[int | None] = []
    for number, (_, there) in enumerate(pairs):
        at = bisect_left(tails, there)
        before.append(ends[at - 1] if at else None)
        tails[at : at + 1], ends[at : at + 1] = [there], [number]
    chain: list[tuple[int, int]] = []
    link: int | None = ends[-1]
    while link is not None:
        chain.append(pairs[link])
        link = before[link]
    return chain[::-1]


def _by_blocks(first: Words, second: Words, left: Range, right: Range) -> Iterator[Match]:
    """For long parts that repeat themselves: equal runs alone, nothing between them."""
    matcher = SequenceMatcher(None, first[slice(*left)], second[slice(*right)])
    at, opposite = left[0], right[0]
    for block in matcher.get_matching_blocks():
        here, there = left[0] + block.a, right[0] + block.b
        if here > at:
            yield Match((at, here), (opposite, opposite))
        if there > opposite:
            yield Match((here, here), (opposite, there))
        for step in range(block.size):
            yield Match((here + step, here + step + 1), (there + step, there + step + 1))
        at, opposite = here + block.size, there + block.size


def _by_costs(first: Words, second: Words, left: Range, right: Range) -> Iterator[Match]:
    """The cheapest matches of two short parts."""
    rows, columns = left[1] - left[0], right[1] - right[0]
    costs = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    steps = [[(0, 0)] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows + 1):
        for column in range(columns + 1):
            if row or column:
                costs[row][column], steps[row][column] = min(
                    (costs[row - down][column - across] + cost, (down, across))
                    for down, across, cost in _moves(
                        first[left[0] + max(0, row - 3) : left[0] + row],
                        second[right[0] + max(0, column - 3) : right[0] + column],
                    )
                )
    found = []
    row, column = rows, columns
    while row or column:
        down, across = steps[row][column]
        found.append(
            Match(
                (left[0] + row - down, left[0] + row),
                (right[0] + column - across, right[0] + column),
            )
        )
        row, column = row - down, column - across
    yield from reversed(found)


def _moves(left: Words, right: Words) -> Iterator[tuple[int, int, float]]:
    """How many words before a place may match, (of the one, of the other, cost)."""
    if left:
        yield 1, 0, _GAP
    if right:
        yield 0, 1, _GAP
    if not (left and right):
        return
    yield 1, 1, 1.0 - likeness(left[-1], right[-1])
    if left[-1] == right[-1]:
        return
    for count in range(2, 1 + max(len(left), len(right))):
        for down, across in ((count, 1), (1, count)):
            if down <= len(left) and across <= len(right):
                alike = likeness("".join(left[-down:]), "".join(right[-across:]))
                if alike >= _JOINED_ALIKE:
                    yield down, across, (1.0 - alike) * count
