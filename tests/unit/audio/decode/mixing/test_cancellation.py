"""What adding channels loses is measured in the spectrum, and the better way is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.decode.mixing.cancellation import (
    LOST,
    best_weights,
    lost_share,
    spectrum,
)
from tests.media_files import Floats
from tests.unit.audio.decode.mixing.signals import (
    CANCELLING,
    HEALTHY,
    RATE,
    SILENCE,
    VOICE,
    delayed,
)

SECOND = slice(RATE, 2 * RATE)


def part(channels: tuple[Floats, ...]) -> list[Floats]:
    return [one[SECOND] for one in channels]


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_channels_lose_little_by_being_added(name: str) -> None:
    found = spectrum(part(HEALTHY[name]), RATE)
    assert lost_share(found, (1,) * len(found)) < LOST


@pytest.mark.parametrize("name", CANCELLING)
def test_channels_that_cancel_lose_most_and_another_way_loses_little(name: str) -> None:
    found = spectrum(part(CANCELLING[name]), RATE)
    assert lost_share(found, (1,) * len(found)) > LOST
    for single in (False, True):
        assert lost_share(found, best_weights(found, single=single)) < 0.3


def test_one_channel_is_inverted_unless_that_is_worse_than_one_alone() -> None:
    inverted = spectrum(part((VOICE, -VOICE)), RATE)
    assert best_weights(inverted, single=False) == (1, -1)
    assert best_weights(inverted, single=True) in ((1, 0), (0, 1))
    late = spectrum(part((VOICE, -delayed(VOICE, 0.0002))), RATE)
    assert best_weights(late, single=False) in ((1, 0), (0, 1))
    six = spectrum(part((SILENCE, -VOICE, SILENCE, VOICE)), RATE)
    assert best_weights(six, single=False) == (0, 1, 0, -1)


@pytest.mark.parametrize("length", [1, 7, 100, 5_000])
def test_a_part_of_any_length_can_be_examined(length: int) -> None:
    found = spectrum([np.ones(length, np.float32), -np.ones(length, np.float32)], 8_000)
    assert 0 <= lost_share(found, (1, 1)) <= 1
