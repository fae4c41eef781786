"""A microphone's audio becomes 16 kHz mono."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.microphone.microphone import MonoConverter


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_are_averaged(channels: int) -> None:
    levels = np.arange(1, channels + 1, dtype=np.int16) * 1000
    pcm = MonoConverter(16_000, channels)(np.tile(levels, 100))
    assert pcm.tolist() == [round(levels.mean())] * 100


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_another_rate_keeps_the_length_and_the_level(rate: int) -> None:
    convert = MonoConverter(rate, 1)
    packet = np.full(rate // 50, 1000, np.int16)
    parts = [convert(packet) for _ in range(50)] + [convert(packet[:0], last=True)]
    pcm = np.concatenate(parts)
    assert len(pcm) == pytest.approx(16_000, abs=1)
    assert np.abs(pcm[1000:-1000] - 1000).max() <= 2
