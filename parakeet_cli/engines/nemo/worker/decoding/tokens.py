"""Turns what a decoder returns for a batch into tokens, with NumPy and without loops over frames.

A decoder's results are padded: a row for each item of the batch, and behind its last value
whatever lies there. On a GPU they are computed while the worker goes on to the next batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cuda import Cuda

PROBABILITY_DIGITS = 5  # of a probability

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The transcript of one chunk: pieces of words, with `▁` before each word.

    `frames` are [start, end) of the encoder; a probability is None if it is unknown.
    """

    pieces: list[str]
    frames: list[tuple[int, int]]
    probabilities: list[float | None]


@dataclass(frozen=True, slots=True)
class TokenTable:
    """The tokens of a batch, those of one item after those of the other."""

    counts: Integers  # shape (batch,): how many tokens each item has
    ids: Integers  # shape (tokens,), as all that follow
    starts: Integers  # the token's first frame
    ends: Integers  # the frame after its last
    logarithms: Floats  # of its probability; NaN if that is unknown

    def split(self, pieces: Sequence[str]) -> list[Tokens]:
        """Each item's tokens. `pieces` is the text of each id."""
        texts = [pieces[one] for one in self.ids.tolist()]
        frames = list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))
        certain = np.exp(np.minimum(self.logarithms.astype(np.float64), 0.0)).round(
            PROBABILITY_DIGITS
        )
        probabilities: list[float | None] = certain.tolist()
        for unknown in np.flatnonzero(np.isnan(certain)).tolist():
            probabilities[unknown] = None
        bounds = [0, *np.cumsum(self.counts).tolist()]
        return [
            Tokens(texts[start:end], frames[start:end], probabilities[start:end])
            for start, end in pairwise(bounds)
        ]


def _within(lengths: Integers, width: int) -> NDArray[np.bool_]:
    """Which values of padded rows are no padding, shape (batch, width)."""
    inside: NDArray[np.bool_] = np.arange(width) < lengths[:, None]
    return inside


def tokens_of_steps(
    labels: Integers, frames: Integers, logarithms: Floats, lengths: Integers, blank: int
) -> TokenTable:
    """Tokens from all steps of a transducer's decoder, each shape (batch, steps).

    A frame is visited once for every token it emits and at most once more, for the blank after
    them. A token lasts until the next step's frame, and at least for its own.
    """
    within = _within(lengths, labels.shape[1])
    ends = frames + 1
    following = np.maximum(frames[:, 1:], ends[:, :-1])
    ends[:, :-1] = np.where(within[:, 1:], following, ends[:, :-1])
    emitted = within & (labels != blank)
    return TokenTable(
        emitted.sum(axis=1), labels[emitted], frames[emitted], ends[emitted], logarithms[emitted]
    )


def tokens_and_visits(
    tokens: tuple[Integers, Integers, Integers], visits: tuple[Integers, Floats, Integers]
) -> TokenTable:
    """Tokens from a transducer's ids and, apart from them, all frames that it visited.

    `tokens` are ids, frames and lengths; `visits` are frames, logarithms of probabilities and
    lengths: NeMo 2.4 keeps no labels of visits. A frame's tokens take its visits in order.
    """
    ids, at, counts = tokens
    visited, logarithms, lengths = visits
    rows, columns = np.nonzero(_within(counts, at.shape[1]))
    visit_rows, visit_columns = np.nonzero(_within(lengths, visited.shape[1]))
    starts, frames = at[rows, columns], visited[visit_rows, visit_columns]
    # One number for an item and a frame: both sequences grow, so they can be searched.
    most = 1 + max(starts.max(initial=0), frames.max(initial=0))
    keys = rows * most + starts
    visit_keys = np.append(visit_rows * most + frames, np.iinfo(np.int64).max)
    order = np.arange(len(keys)) - np.searchsorted(keys, keys)  # among the tokens of its frame
    visit = np.minimum(np.searchsorted(visit_keys, keys) + order, len(frames))
    known = visit_keys[visit] == keys
    after = np.minimum(visit + 1, len(frames))
    same_item = known & (np.append(visit_rows, -1)[after] == rows)
    next_frame = np.where(same_item, np.append(frames, 0)[after], 0)
    found = np.append(logarithms[visit_rows, visit_columns], np.nan)[visit]
    return TokenTable(
        np.bincount(rows, minlength=len(counts)),
        ids[rows, columns],
        starts,
        np.maximum(next_frame, starts + 1),
        np.where(known, found, np.nan),
    )


def tokens_of_frames(
    best: Integers, logarithms: Floats, lengths: Integers, blank: int
) -> TokenTable:
    """Tokens from CTC's best id of each frame, shape (batch, frames): runs of the same id.

    A token has the probability of its most probable frame.
    """
    rows, columns = np.nonzero(_within(lengths, best.shape[1]))
    ids = best[rows, columns]
    first = columns == 0
    first[1:] |= ids[1:] != ids[:-1]
    begin = np.flatnonzero(first)
    count = np.diff(begin, append=len(ids))
    tops = np.maximum.reduceat(logarithms[rows, columns], begin) if len(begin) else np.empty(0)
    token = ids[begin] != blank
    starts = columns[begin][token]
    return TokenTable(
        np.bincount(rows[begin][token], minlength=len(lengths)),
        ids[begin][token],
        starts,
        starts + count[token],
        tops[token],
    )


@dataclass(frozen=True, slots=True)
class PaddedRows:
    """Tensors of shape (batch, width) on the device, of which each row has its own length."""

    lengths: Any
    columns: tuple[Any, ...]

    def cropped(self, width: int) -> list[Any]:
        """The lengths and the first values of each row, in 32 bits."""
        narrow = (column[:, :width] for column in self.columns)
        return [
            self.lengths.int(),
            *(one.float() if one.is_floating_point() else one.int() for one in narrow),
        ]


class PendingTokens:
    """The tokens of a batch that the device may still be decoding.

    Only as many values of each row leave the device as there can reasonably be. If a row is
    longer, it is copied again once its length is known, so nothing ever waits for the device
    before the result is asked for.
    """

    def __init__(
        self,
        cuda: Cuda,
        tables: Sequence[PaddedRows],
        width: int,
        finish: Callable[[list[list[Any]]], list[Tokens]],
    ) -> None:
        self._cuda, self._tables, self._width, self._finish = cuda, tables, width, finish
        self._copies = cuda.to_host([one for table in tables for one in table.cropped(width)])

    def result(self) -> list[Tokens]:
        """Each item's tokens, once they are there. For any thread."""
        arrays = iter([tensor.numpy() for tensor in self._copies.result()])
        tables = []
        for table in self._tables:
            lengths, *columns = (next(arrays) for _ in range(1 + len(table.columns)))
            longest = int(lengths.max(initial=0))
            if longest > self._width:
                copies = self._cuda.to_host(table.cropped(longest))
                columns = [tensor.numpy() for tensor in copies.result()[1:]]
            tables.append([*(column[:, :longest] for column in columns), lengths])
        return self._finish(tables)


def join_pieces(pieces: Iterable[str]) -> str:
    """The text that pieces of words make up."""
    return " ".join("".join(pieces).replace("▁", " ").split())
