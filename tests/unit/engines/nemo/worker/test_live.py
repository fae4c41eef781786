"""Tests live speech with an encoder whose frames are numbered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker.encoding import SAMPLE_RATE
from parakeet_cli.engines.nemo.worker.live import LiveUtterance

FRAME = 1280  # samples
LONGEST = 22 * SAMPLE_RATE  # what may be encoded at once: 10 s before, 10 s, 2 s after


class Frames:
    """An encoder whose frames are the numbers in their first samples."""

    frame_seconds = FRAME / SAMPLE_RATE

    def __init__(self) -> None:
        self.most = 0

    def encode(self, sounds: Sequence[NDArray[np.float32]]) -> tuple[Any, Any, str]:
        (sound,) = sounds
        self.most = max(self.most, len(sound))
        numbers = sound[::FRAME].astype(int)
        return numbers[None], np.array([len(numbers)]), "whole"


class Numbers:
    """A decoder of frame numbers, which asserts that they continue from the state."""

    def __init__(self) -> None:
        self.decoded: list[int] = []

    def advance(self, encoded: Any, state: int | None) -> tuple[list[int], int]:
        numbers = [int(number) for number in encoded[0]]
        first = 0 if state is None else state + 1
        assert numbers == list(range(first, first + len(numbers)))
        return numbers, numbers[-1]

    def text(self, ids: Sequence[int]) -> str:
        self.decoded = list(ids)
        return " ".join(map(str, ids))


@pytest.mark.parametrize("step", [160, 1280, 8000, 16_001, 50_000, 600_000])
def test_every_frame_is_decoded_once_whatever_the_sizes_of_the_parts(step: int) -> None:
    frames = 450  # 36 s
    sound = np.repeat(np.arange(frames, dtype=np.float32), FRAME)
    encoder, decoder = Frames(), Numbers()
    utterance = LiveUtterance(encoder, decoder)  # type: ignore[arg-type]
    for start in range(0, len(sound), step):
        utterance.accept(sound[start : start + step])
        until = min(start + step, len(sound))
        if until >= 0.3 * SAMPLE_RATE:
            assert decoder.decoded == list(range(-(-until // FRAME)))
    assert decoder.decoded == list(range(frames))
    assert encoder.most <= LONGEST + step + FRAME
    if step < SAMPLE_RATE:
        assert encoder.most <= LONGEST


def test_very_short_audio_has_no_text() -> None:
    utterance = LiveUtterance(Frames(), Numbers())  # type: ignore[arg-type]
    assert utterance.accept(np.zeros(100, np.float32)) == ""
