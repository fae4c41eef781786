"""One utterance as it is spoken: the settled part once, the rest anew each time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decoding import Decoder
from .encoding import SAMPLE_RATE, Encoder

# Seconds. NeMo's own advice for live speech: 10 before, chunks of 2, 2 after.
_LEFT, _MOST, _RIGHT = 10.0, 10.0, 2.0
_SHORTEST = 0.3  # seconds: less says nothing


class Utterance:
    """Sound in, the text of all of it so far out.

    Frames with `_RIGHT` seconds of sound after them are decoded for good, and the
    decoder's state behind them is kept. What comes after them is decoded from that state
    each time, so that the text is never behind the sound.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self._encoder, self._decoder = encoder, decoder
        self._frame = round(encoder.frame_seconds * SAMPLE_RATE)
        self._sound = np.zeros(0, np.float32)  # from `_left` frames before the settled end
        self._before = 0  # frames in `_sound` that are settled
        self._ids: list[int] = []
        self._state: Any = None

    def hear(self, samples: NDArray[np.float32]) -> str:
        self._sound = np.concatenate((self._sound, samples))
        if len(self._sound) < _SHORTEST * SAMPLE_RATE:
            return self._decoder.text(self._ids)
        while self._open() > _MOST + _RIGHT:
            self._settle(self._frames(_MOST), self._frames(_MOST + _RIGHT))
        ready = self._frames(self._open() - _RIGHT)
        return self._decoder.text(self._ids + self._settle(max(0, ready), None))

    def _open(self) -> float:
        """Seconds that are not settled."""
        return len(self._sound) / SAMPLE_RATE - self._before * self._encoder.frame_seconds

    def _frames(self, seconds: float) -> int:
        return int(seconds / self._encoder.frame_seconds)

    def _settle(self, count: int, seen: int | None) -> list[int]:
        """Decode `count` more frames for good; the ids of those after them, up to `seen`."""
        end = None if seen is None else (self._before + seen) * self._frame
        encoded, lengths, _ = self._encoder.encode([self._sound[:end]])
        encoded = encoded[:, : int(lengths[0])]
        settled = self._before + count
        if count:
            ids, self._state = self._decoder.advance(
                encoded[:, self._before : settled], self._state
            )
            self._ids += ids
        rest: list[int] = []
        if seen is None and settled < encoded.shape[1]:
            rest, _ = self._decoder.advance(encoded[:, settled:], self._state)
        drop = max(0, settled - self._frames(_LEFT))
        self._sound = self._sound[drop * self._frame :]
        self._before = settled - drop
        return rest
