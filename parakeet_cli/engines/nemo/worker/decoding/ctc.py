"""Decodes with a CTC head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..cuda import Cuda
from ..terms.choice import Run, TermChooser, choose_runs
from ..terms.tree import ROOT, TokenTree
from .tokens import (
    PROBABILITY_DIGITS,
    PaddedRows,
    PendingTokens,
    Tokens,
    join_pieces,
    tokens_of_frames,
)

# Of each frame, where terms are expected: a less probable id would never be preferred.
_CANDIDATES = 64
_IMPROBABLE = -30.0  # the logarithm of the probability of the other ids


class Ctc:
    """CTC: the best id of each frame, without repeats and blanks."""

    def __init__(
        self, model: Any, pieces: list[str], cuda: Cuda, tree: TokenTree | None = None
    ) -> None:
        self._pieces, self._cuda = pieces, cuda
        self._tree = tree
        self._head = model.decoder
        self._blank = len(pieces)

    graphs = None
    graph_mode = None

    def prime(self, batch: int, frames: int) -> None:
        pass

    def decode(self, encoded: Any, lengths: Any) -> PendingTokens:
        best = self._best(encoded) if self._tree is None else self._most_probable(encoded)
        table = PaddedRows(lengths, best)
        return PendingTokens(self._cuda, [table], encoded.shape[1], self._from_frames)

    def _from_frames(self, tables: list[list[Any]]) -> list[Tokens]:
        ((best, logarithms, lengths),) = tables
        if self._tree is not None:
            rows = zip(best, logarithms, lengths.tolist(), strict=True)
            return [self._expected(*row) for row in rows]
        return tokens_of_frames(best, logarithms, lengths, self._blank).split(self._pieces)

    def _best(self, encoded: Any) -> tuple[Any, Any]:
        """Each frame's best id and the logarithm of its probability, shape (batch, frames)."""
        logits = self._head(encoder_output=encoded.transpose(1, 2))
        logarithms, best = logits.float().log_softmax(dim=-1).max(dim=-1)
        return best, logarithms

    def _most_probable(self, encoded: Any) -> tuple[Any, Any]:
        """Each frame's most probable ids and their logarithms, shape (batch, frames, ids)."""
        logits = self._head(encoder_output=encoded.transpose(1, 2))
        count = min(_CANDIDATES, logits.shape[-1])
        logarithms, ids = logits.float().log_softmax(dim=-1).topk(count, dim=-1)
        return ids, logarithms

    def _expected(self, ids: Any, logarithms: Any, length: int) -> Tokens:
        """The tokens of one item, from `_most_probable`'s rows, where terms are expected."""
        runs, _ = self._chosen(ids[:length], logarithms[:length], ROOT)
        found = [
            float(logarithms[start:end][ids[start:end] == number].max(initial=_IMPROBABLE))
            for number, start, end in runs
        ]
        return Tokens(
            [self._pieces[number] for number, _, _ in runs],
            [(start, end) for _, start, end in runs],
            [round(min(1.0, math.exp(one)), PROBABILITY_DIGITS) for one in found],
        )

    def _chosen(self, ids: Any, logarithms: Any, node: int) -> tuple[list[Run], int]:
        """The runs of frames with the tokens that are chosen, and the node behind the last."""
        assert self._tree is not None
        best = ids[:, 0]
        edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
        runs = [(int(best[start]), start, end) for start, end in pairwise(edges) if start < end]
        runs = [run for run in runs if run[0] != self._blank]

        def scores_of(run: Run) -> Any:
            scores = np.full(self._blank + 1, _IMPROBABLE, np.float32)
            np.maximum.at(scores, ids[run[1] : run[2]], logarithms[run[1] : run[2]])
            return scores

        chooser: TermChooser[int] = TermChooser(self._tree, self._blank, node)
        return choose_runs(chooser, scores_of, runs), chooser.node

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The state is the last frame's id, which may continue in the next frame."""
        if self._tree is not None:
            return self._advance_expecting(encoded, state)
        best, logarithms = (tensor.cpu().numpy() for tensor in self._best(encoded))
        lengths = np.array([best.shape[1]])
        ids: list[int] = tokens_of_frames(best, logarithms, lengths, self._blank).ids.tolist()
        if not best.size:
            return ids, state
        first, last = int(best[0, 0]), int(best[0, -1])
        if first == state and state != self._blank:
            ids = ids[1:]
        return ids, last

    def _advance_expecting(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The state is also the node in the tree of terms."""
        last, node = state or (self._blank, ROOT)
        ids, logarithms = (one[0].cpu().numpy() for one in self._most_probable(encoded))
        if not len(ids):
            return [], state
        runs, node = self._chosen(ids, logarithms, node)
        if runs and runs[0][1] == 0 and int(ids[0, 0]) == last:
            runs = runs[1:]
        return [number for number, _, _ in runs], (int(ids[-1, 0]), node)

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)
