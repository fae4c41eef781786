"""Healthy channels are averaged to the bit, and of those that cancel nothing is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from parakeet_cli.audio.decode.mixing.mixer import Mixer
from tests.media_files import Floats
from tests.unit.audio.decode.mixing.signals import (
    CANCELLING,
    HEALTHY,
    OTHER,
    RATE,
    SILENCE,
    VOICE,
)


def joined(channels: tuple[Floats, ...], mixer: Mixer) -> tuple[Floats, list[str]]:
    """All samples, and the remark on each second."""
    samples, remarks = [], []
    for first in range(0, len(VOICE), RATE):
        parts = [one[first : first + RATE] for one in channels]
        samples.append(mixer.join(parts, RATE, 1.0))
        remarks.append(mixer.remark)
    return np.concatenate(samples), remarks


def likeness(one: Floats, other: Floats) -> float:
    """The correlation of two signals, whatever their sign."""
    return abs(float(np.dot(one, other))) / float(np.sqrt(np.dot(one, one) * np.dot(other, other)))


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_channels_become_their_mean_to_the_bit(name: str) -> None:
    channels = HEALTHY[name]
    mean = channels[0].copy()
    for one in channels[1:]:
        mean += one
    mean *= 1 / len(channels)
    samples, remarks = joined(channels, Mixer())
    np.testing.assert_array_equal(samples, mean)
    assert set(remarks) == {""}


@pytest.mark.parametrize("name", CANCELLING)
def test_channels_that_cancel_keep_their_sound_from_the_first_second_on(name: str) -> None:
    samples, remarks = joined(CANCELLING[name], Mixer())
    assert all("cancel" in remark for remark in remarks)
    assert likeness(samples, CANCELLING[name][0]) > 0.75
    assert samples.std() > 0.5 * VOICE.std()


def test_what_is_inverted_from_the_middle_on_changes_once() -> None:
    sign = np.where(np.arange(len(VOICE)) < 5.4 * RATE, 1, -1).astype(np.float32)
    samples, remarks = joined((VOICE, VOICE * sign), Mixer())
    assert sum(one != other for one, other in pairwise(remarks)) == 1
    for begin in range(12):
        part = slice(begin * RATE, (begin + 1) * RATE)
        assert samples[part].std() > 0.9 * VOICE[part].std()


def test_what_changes_its_sign_again_and_again_is_taken_from_one_channel() -> None:
    sign = np.where(np.arange(len(VOICE)) // (2 * RATE) % 2, 1, -1).astype(np.float32)
    samples, remarks = joined((VOICE, VOICE * sign), Mixer())
    assert likeness(np.abs(samples), np.abs(VOICE)) > 0.99
    assert len(set(remarks[4:])) == 1


def test_a_change_makes_no_click() -> None:
    time = np.arange(6 * RATE) / RATE
    wave = np.sin(2 * np.pi * 300 * time).astype(np.float32)
    sign = np.where(time < 3, 1, -1).astype(np.float32)
    mixer = Mixer()
    parts = [slice(first * RATE, (first + 1) * RATE) for first in range(6)]
    samples = np.concatenate(
        [mixer.join([wave[one], (wave * sign)[one]], RATE, 1.0) for one in parts]
    )
    assert np.abs(np.diff(samples)).max() < 1.5 * np.abs(np.diff(wave)).max()


def test_a_channel_that_is_asked_for_is_taken_as_it_is() -> None:
    samples, remarks = joined((-VOICE,), Mixer(1))
    np.testing.assert_array_equal(samples, -VOICE)
    assert set(remarks) == {""}


@pytest.mark.parametrize(
    ("channels", "silent"),
    [
        ((VOICE, SILENCE), (1,)),
        ((SILENCE, SILENCE, VOICE, SILENCE, SILENCE, SILENCE), (0, 1, 3, 4, 5)),
        ((VOICE, OTHER, SILENCE), ()),
        ((VOICE, 0.01 * VOICE), ()),
        ((SILENCE, SILENCE), ()),
        ((VOICE,), ()),
    ],
)
def test_channels_without_sound_are_known_where_only_one_has_some(
    channels: tuple[Floats, ...], silent: tuple[int, ...]
) -> None:
    mixer = Mixer()
    joined(channels, mixer)
    assert mixer.silent_channels == silent


def test_integers_and_a_scale_give_the_same_as_floats() -> None:
    whole = [(one * 2**15).astype(np.int16) for one in (VOICE[:RATE], -VOICE[:RATE])]
    mixer = Mixer()
    samples = mixer.join(whole, RATE, 2.0**15)
    np.testing.assert_allclose(samples, VOICE[:RATE], atol=1e-4)
    loud = Mixer(full_scale=2.0**15).join([VOICE[:RATE] * 2**15], RATE, 1.0)
    np.testing.assert_allclose(loud, VOICE[:RATE], atol=1e-6)


def test_values_that_are_no_numbers_change_nothing_else() -> None:
    broken = VOICE[:RATE].copy()
    broken[100:200] = np.nan
    broken[300] = np.inf
    samples = Mixer().join([broken, VOICE[:RATE].copy()], RATE, 1.0)
    np.testing.assert_array_equal(samples[400:], VOICE[400:RATE])
