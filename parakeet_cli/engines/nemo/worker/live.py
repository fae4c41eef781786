"""Transcribes an utterance while it is spoken: its settled part once, the rest again each time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decoding import Decoder
from .encoding import SAMPLE_RATE, Encoder

# Seconds. NeMo's own advice for live speech: 10 before, chunks of 2, 2 after.
_LEFT, _LONGEST, _RIGHT = 10.0, 10.0, 2.0
_SHORTEST = 0.3  # seconds: less has no words


class LiveUtterance:
    """Takes audio and returns the text of all of it so far.

    Frames with `_RIGHT` seconds of audio after them are settled: they are decoded once, and the
    decoder's state after them is saved. Later frames are decoded from that state again each
    time, so that the text is never behind the audio.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self._encoder, self._decoder = encoder, decoder
        self._frame_samples = round(encoder.frame_seconds * SAMPLE_RATE)
        self._samples = np.zeros(0, np.float32)  # from `_LEFT` seconds before the settled end
        self._settled = 0  # frames in `_samples` that are settled
        self._ids: list[int] = []
        self._state: Any = None

    def accept(self, samples: NDArray[np.float32]) -> str:
        """Mono, 16 kHz, shape (n,); later words of the text may still change."""
        self._samples = np.concatenate((self._samples, samples))
        if len(self._samples) < _SHORTEST * SAMPLE_RATE:
            return self._decoder.text(self._ids)
        while self._unsettled_seconds() > _LONGEST + _RIGHT:
            self._settle(self._frames(_LONGEST), self._frames(_LONGEST + _RIGHT))
        ready = self._frames(self._unsettled_seconds() - _RIGHT)
        return self._decoder.text(self._ids + self._settle(max(0, ready), None))

    def _unsettled_seconds(self) -> float:
        return len(self._samples) / SAMPLE_RATE - self._settled * self._encoder.frame_seconds

    def _frames(self, seconds: float) -> int:
        return int(seconds / self._encoder.frame_seconds)

    def _settle(self, count: int, visible: int | None) -> list[int]:
        """Settle `count` more frames; returns the ids of the frames after them.

        `visible` restricts what the encoder sees to that many unsettled frames.
        """
        end = None if visible is None else (self._settled + visible) * self._frame_samples
        encoded, lengths, _ = self._encoder.encode([self._samples[:end]])
        encoded = encoded[:, : int(lengths[0])]
        settled = self._settled + count
        if count:
            ids, self._state = self._decoder.advance(
                encoded[:, self._settled : settled], self._state
            )
            self._ids += ids
        rest: list[int] = []
        if visible is None and settled < encoded.shape[1]:
            rest, _ = self._decoder.advance(encoded[:, settled:], self._state)
        drop = max(0, settled - self._frames(_LEFT))
        self._samples = self._samples[drop * self._frame_samples :]
        self._settled = settled - drop
        return rest
