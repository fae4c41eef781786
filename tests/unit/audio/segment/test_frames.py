"""Samples of any length become whole frames, without loss."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.segment.frames import FRAME, FrameSplitter


@pytest.mark.parametrize("size", [1, 100, FRAME, FRAME + 1, 5000])
def test_frames_contain_every_sample_in_order_and_the_last_is_padded(size: int) -> None:
    samples = np.arange(1, 10_001, dtype=np.float32)
    splitter = FrameSplitter()
    parts = [splitter.add(samples[at : at + size]) for at in range(0, len(samples), size)]
    frames = np.concatenate([*parts, splitter.finish()])
    assert frames.shape == (20, FRAME)
    assert np.array_equal(frames.reshape(-1)[: len(samples)], samples)
    assert not frames.reshape(-1)[len(samples) :].any()


def test_without_a_rest_the_end_adds_no_frame() -> None:
    splitter = FrameSplitter()
    splitter.add(np.ones(2 * FRAME, np.float32))
    assert splitter.finish().shape == (0, FRAME)


def test_a_cleared_rest_is_not_part_of_the_next_frame() -> None:
    splitter = FrameSplitter()
    splitter.add(np.ones(100, np.float32))
    splitter.clear()
    (frame,) = splitter.add(np.full(FRAME, 2, np.float32))
    assert frame.min() == 2
