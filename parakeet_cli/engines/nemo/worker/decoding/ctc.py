"""Decodes with a CTC head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cuda import Cuda
from ..forced.lattice import CtcAligner
from ..forced.replacing import with_given_words
from ..forced.text import TextToAlign
from ..terms.spotting import Run, greedy_runs, make_spotting_tree, runs_with_terms
from .tokens import (
    PROBABILITY_DIGITS,
    PaddedRows,
    PendingTokens,
    Tokens,
    join_pieces,
    tokens_of_frames,
)

# Of each frame, where terms are expected or a text is given: a less probable id would never be
# preferred.
_CANDIDATES = 64
_IMPROBABLE = -30.0  # the logarithm of the probability of the other ids


class Ctc:
    """CTC: the best id of each frame, without repeats and blanks."""

    def __init__(
        self,
        model: Any,
        pieces: list[str],
        cuda: Cuda,
        terms: Sequence[str] = (),
        text: Sequence[str] = (),
    ) -> None:
        self._pieces, self._cuda = pieces, cuda
        self._tree = make_spotting_tree(pieces, terms) if terms else None
        self._text = TextToAlign(pieces, text) if text else None
        self._head = model.decoder
        self._blank = len(pieces)

    graphs = None
    graph_mode = None

    def prime(self, batch: int, frames: int) -> None:
        pass

    def decode(self, encoded: Any, lengths: Any) -> PendingTokens:
        best = self._most_probable(encoded) if self._needs_others else self._best(encoded)
        table = PaddedRows(lengths, best)
        return PendingTokens(self._cuda, [table], encoded.shape[1], self._from_frames)

    @property
    def _needs_others(self) -> bool:
        """Whether a frame's best id isn't enough."""
        return self._tree is not None or self._text is not None

    def _from_frames(self, tables: list[list[Any]]) -> list[Tokens]:
        ((best, logarithms, lengths),) = tables
        if self._needs_others:
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
        """The tokens of one item, from `_most_probable`'s rows."""
        logprobs = self._dense(ids[:length], logarithms[:length])
        runs = self._runs(logprobs)
        if self._text is not None:
            blank = self._blank
            runs = with_given_words(
                self._text,
                runs,
                len(logprobs),
                lambda start, end, _: CtcAligner(logprobs[start:end], blank),
            )
        found = [float(logprobs[start:end, number].max()) for number, start, end in runs]
        return Tokens(
            [self._pieces[number] for number, _, _ in runs],
            [(start, end) for _, start, end in runs],
            [round(min(1.0, math.exp(one)), PROBABILITY_DIGITS) for one in found],
        )

    def _dense(self, ids: Any, logarithms: Any) -> Any:
        """The logarithms of all ids, shape (frames, pieces and blank)."""
        logprobs = np.full((len(ids), self._blank + 1), _IMPROBABLE, np.float32)
        np.put_along_axis(logprobs, ids.astype(np.int64), logarithms, axis=1)
        return logprobs

    def _runs(self, logprobs: Any) -> list[Run]:
        if self._tree is None:
            return greedy_runs(logprobs, self._blank)
        return runs_with_terms(self._tree, logprobs, self._blank)

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

    def _advance_expecting(self, encoded: Any, last: Any) -> tuple[list[int], Any]:
        """As `advance`; a term is found where all of it is in these frames."""
        ids, logarithms = (one[0].cpu().numpy() for one in self._most_probable(encoded))
        if not len(ids):
            return [], last
        runs = self._runs(self._dense(ids, logarithms))
        if runs and runs[0][:2] == (last, 0):
            runs = runs[1:]
        return [number for number, _, _ in runs], int(ids[-1, 0])

    def text(self, ids: Sequence[int]) -> str:
        return join_pieces(self._pieces[one] for one in ids)
