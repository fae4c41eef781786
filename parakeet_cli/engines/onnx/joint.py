"""Asks a transducer's networks, as onnx-asr has them, for the scores of many frames at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker.forced.lattice import StepScores, TransducerAligner

_MOST_VALUES = 1 << 24  # of a batch of frames: 64 MB of scores


@dataclass(frozen=True, slots=True, eq=False)  # states have no hash
class _Place:
    """The last token, and the state of the network that predicts, before that token."""

    before: tuple[int, ...]
    state: Any


class OnnxPredictor:
    """A transducer in some encoded frames, shape (frames, width)."""

    def __init__(self, asr: Any, encoded: NDArray[np.float32]) -> None:
        self._asr, self._encoded = asr, encoded
        self.frames = len(encoded)

    def place(self, tokens: Sequence[int]) -> _Place:
        """The place behind some tokens."""
        place = _Place((), self._asr._create_state())
        for token in tokens:
            _, _, state = self._asr._decode(list(place.before), place.state, self._encoded[0])
            place = _Place((token,), state)
        return place

    def scores(self, place: _Place) -> tuple[StepScores, Any]:
        """As in `Predictor`; the graph is given many frames, of the same token."""
        asr = self._asr
        target = place.before[-1] if place.before else asr._blank_idx
        parts = []
        at, count = 0, self.frames
        while at < self.frames:
            outputs, *state = asr._decoder_joint.run(
                ["outputs", "output_states_1", "output_states_2"],
                {
                    "encoder_outputs": self._encoded[None, at : at + count].transpose(0, 2, 1),
                    "targets": [[target]],
                    "target_length": [1],
                    "input_states_1": place.state[0],
                    "input_states_2": place.state[1],
                },
            )
            parts.append(outputs[0, :, 0])
            at += count
            count = max(1, _MOST_VALUES // outputs.shape[-1])
        scores, size = np.concatenate(parts), asr._vocab_size
        durations = scores[:, size:] if scores.shape[1] > size else None
        return StepScores(scores[:, :size], durations), tuple(state)

    def after(self, state: Any, token: int) -> _Place:
        return _Place((token,), state)


def make_transducer_aligner(
    asr: Any, encoded: NDArray[np.float32], history: Sequence[int]
) -> TransducerAligner:
    """The aligner for some frames behind some tokens."""
    predictor = OnnxPredictor(asr, encoded)
    return TransducerAligner(predictor, predictor.place(history), asr._blank_idx)
