from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.samples import Block
from parakeet_cli.speakers.levels import Levels


def test_the_level_of_a_tone_is_its_power_wherever_blocks_end() -> None:
    tone = (0.5 * np.sin(np.arange(32_000) / 5)).astype(np.float32)
    levels = Levels()
    for at in range(0, len(tone), 777):
        levels.add(Block(tone[at : at + 777], 1.0 + at / 16_000))
    assert levels.between(1.5, 2.5) == pytest.approx(10 * np.log10(0.125), abs=0.1)
    assert levels.between(0.0, 0.9) == -120
    assert len(levels.decibels()) == round(3 / 0.016 + 0.5)


def test_what_lies_beyond_the_end_is_silent() -> None:
    assert Levels().between(5.0, 6.0) == -120
    assert len(Levels().decibels()) == 0


def test_ten_hours_take_a_few_megabytes() -> None:
    levels = Levels()
    block = Block(np.full(160_000, 0.1, np.float32), 0.0)
    for at in range(0, 36_000, 10):
        levels.add(Block(block.samples, float(at)))
    assert levels.decibels().nbytes < 10e6
    assert levels.between(35_000, 35_001) == pytest.approx(-20, abs=0.1)
