"""Puts a given text's words into what a transducer of NeMo's has found, by its own networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..forced.lattice import StepScores, TransducerAligner
from ..forced.replacing import with_given_words
from ..forced.text import TextToAlign
from .tokens import PROBABILITY_DIGITS, Tokens, TokenTable

_FRAMES_AT_ONCE = 256  # of scores: up to 8 MB of logits for 8,000 pieces


@dataclass(frozen=True, slots=True, eq=False)  # states have no hash
class _Place:
    """The prediction network's output behind the tokens before, and its state."""

    output: Any  # shape (1, 1, width)
    state: Any


class NemoPredictor:
    """A transducer in some encoded frames, shape (1, frames, width)."""

    def __init__(self, model: Any, encoded: Any, blank: int) -> None:
        self._model, self._encoded, self._blank = model, encoded, blank
        self.frames = int(encoded.shape[1])

    def place(self, tokens: Sequence[int]) -> _Place:
        """The place behind some tokens."""
        place = self.after(None, self._blank)
        for token in tokens:
            place = self.after(place.state, token)
        return place

    def scores(self, place: _Place) -> tuple[StepScores, Any]:
        """As in `Predictor`."""
        parts = [
            self._model.joint.joint(part, place.output)[0, :, 0].float().cpu().numpy()
            for part in self._encoded.split(_FRAMES_AT_ONCE, dim=1)
        ]
        scores, labels = np.concatenate(parts), self._blank + 1
        durations = scores[:, labels:] if scores.shape[1] > labels else None
        return StepScores(scores[:, :labels], durations), place.state

    def after(self, state: Any, token: int) -> _Place:
        """The place behind a token more; blank without a state is the beginning."""
        import torch

        label = torch.full((1, 1), token, dtype=torch.long, device=self._encoded.device)
        output, following = self._model.decoder.predict(label, state, add_sos=False, batch_size=1)
        return _Place(output, following)


@dataclass(frozen=True, slots=True)
class GivenTextFinder:
    """Puts the text's words into a batch. `durations` are those of TDT, none for RNN-T."""

    model: Any
    text: TextToAlign
    blank: int
    durations: tuple[int, ...]

    def put_into(self, table: TokenTable, encoded: Any, lengths: Any) -> list[Tokens]:
        """Each item's tokens. `encoded` has shape (batch, frames, width), on the device."""
        bounds = [0, *np.cumsum(table.counts).tolist()]
        columns = (table.ids, table.starts, table.ends, np.exp(np.minimum(table.logarithms, 0.0)))
        runs = list(zip(*(column.tolist() for column in columns), strict=True))
        return [
            self._tokens(self._in_item(runs[start:end], encoded[row : row + 1, :length]))
            for row, (start, end, length) in enumerate(
                zip(bounds, bounds[1:], lengths.tolist(), strict=False)
            )
        ]

    def _in_item(self, runs: list[Any], encoded: Any) -> list[Any]:
        def make(start: int, end: int, history: list[int]) -> TransducerAligner:
            predictor = NemoPredictor(self.model, encoded[:, start:end], self.blank)
            place = predictor.place(history)
            return TransducerAligner(predictor, place, self.blank, self.durations)

        return with_given_words(self.text, runs, int(encoded.shape[1]), make)

    def _tokens(self, runs: Iterable[Any]) -> Tokens:
        found = list(runs)
        return Tokens(
            [self.text.pieces[run[0]] for run in found],
            [(run[1], run[2]) for run in found],
            [None if np.isnan(run[3]) else round(run[3], PROBABILITY_DIGITS) for run in found],
        )
