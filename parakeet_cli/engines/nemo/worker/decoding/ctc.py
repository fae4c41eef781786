"""Decodes with a CTC head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cuda import Cuda
from .tokens import PaddedRows, PendingTokens, Tokens, join_pieces, tokens_of_frames


class Ctc:
    """CTC: the best id of each frame, without repeats and blanks."""

    def __init__(self, model: Any, pieces: list[str], cuda: Cuda) -> None:
        self._pieces, self._cuda = pieces, cuda
        self._head = model.decoder
        self._blank = len(pieces)

    graphs = None
    graph_mode = None

    def prime(self, batch: int, frames: int) -> None:
        pass

    def decode(self, encoded: Any, lengths: Any) -> PendingTokens:
        best = self._best(encoded)
        table = PaddedRows(lengths, best)
        return PendingTokens(self._cuda, [table], encoded.shape[1], self._from_frames)

    def _from_frames(self, tables: list[list[Any]]) -> list[Tokens]:
        ((best, logarithms, lengths),) = tables
        return tokens_of_frames(best, logarithms, lengths, self._blank).split(self._pieces)

    def _best(self, encoded: Any) -> tuple[Any, Any]:
        """Each frame's best id and the logarithm of its probability, shape (batch, frames)."""
        logits = self._head(encoder_output=encoded.transpose(1, 2))
        logarithms, best = logits.float().log_softmax(dim=-1).max(dim=-1)
        return best, logarithms

    def advance(self, encoded: Any, state: Any) -> tuple[list[int], Any]:
        """The state is the last frame's id, which may continue in the next frame."""
        best, logarithms = (tensor.cpu().numpy() for tensor in self._best(encoded))
        lengths = np.array([best.shape[1]])
        ids: list[int] = tokens_of_frames(best, logarithms, lengths, self._blank).ids.tolist()
        if not best.size:
            return ids, state
        first, last = int(best[0, 0]), int(best[0, -1])
        if first == state and state != self._blank:
            ids = ids[1:]
        return ids, last

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)
