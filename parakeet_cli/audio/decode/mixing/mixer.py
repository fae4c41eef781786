"""Joins the channels of a recording to one, part by part, and notices if they cancel.

Usually that is their mean. Where the mean has lost what the channels have, as in stereo with
opposite phase, one channel is inverted or taken alone, from the beginning of that part on.
This is kept until it loses sound itself, so that nothing changes within a word without need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.decode.mixing.cancellation import (
    FAINT,
    GROUPS,
    LOST,
    LOUD_GROUP,
    Weights,
    best_weights,
    lost_share,
    spectrum,
)
from parakeet_cli.audio.samples import Samples

GAIN = 0.2  # share of the power that another way must win back to be worth a change
SILENT = 1e-6  # mean power, with full scale 1: -60 dB
QUIET = 0.02  # of the loudest part's power; a pause says nothing about the speech
DEAD = 1e-6  # of the loudest channel's power, over the whole recording
# Of the power that equal channels add up to: what is above it has no quarter in which much is lost.
ALIKE = 0.97
FADE_SECONDS = 0.01  # from one way of joining to another, so that there is no click


class Mixer:
    """Joins the parts of one recording to mono.

    With `channel`, from 0, that one is taken. `full_scale` is the value at which float samples
    are as loud as can be, if that isn't 1.
    """

    def __init__(self, channel: int | None = None, full_scale: float = 1.0) -> None:
        self.channel = channel
        self.remark = ""  # on how the last part was joined, if that wasn't by the mean
        self.full_scale = full_scale
        self._weights: Weights = ()  # of the last part; empty is the mean
        self._loudest = 0.0
        self._powers: list[float] = []  # of each channel, over all parts of as many channels

    def join(self, channels: Sequence[NDArray[Any]], rate: int, scale: float) -> Samples:
        """Mono float32 of channels as they are stored, each of shape (n,).

        `scale` is the stored value of full scale.
        """
        scale *= self.full_scale
        if len(channels) == 1:
            self.remark = ""
            return _scaled(channels[0].astype(np.float32), scale)
        floats = [one.astype(np.float32, order="C", copy=False) for one in channels]
        total = _added(floats, channels)
        continues = len(self._powers) == len(channels)
        before, self._weights = self._weights, self._choose(floats, total, rate, scale)
        self.remark = _in_words(self._weights)
        if not self._weights and not before:
            return _scaled(total, scale * len(channels))
        mean: Samples = total * np.float32(1 / len(channels))
        joined = _joined(floats, self._weights, mean)
        if continues and before != self._weights:
            count = min(len(mean), round(FADE_SECONDS * rate))
            fade = np.linspace(0, 1, count, dtype=np.float32)
            earlier = _joined([one[:count] for one in floats], before, mean[:count])
            joined[:count] = joined[:count] * fade + earlier * (1 - fade)
        return _scaled(joined, scale)

    @property
    def silent_channels(self) -> tuple[int, ...]:
        """The channels without sound, if all but one of several are."""
        least = DEAD * max(self._powers, default=0.0)
        silent = [number for number, power in enumerate(self._powers) if power < least]
        return tuple(silent) if len(silent) == len(self._powers) - 1 else ()

    def _choose(
        self, channels: Sequence[Samples], total: Samples, rate: int, scale: float
    ) -> Weights:
        """The weights for this part; the last part's while they lose nothing."""
        quarters = _quarters(len(total))
        parts = [[_power(one[part]) for one in channels] for part in quarters]
        powers = [sum(each) for each in zip(*parts, strict=True)]
        self._count(powers, scale**2)
        kept = self._weights if len(self._weights) in (0, len(channels)) else ()
        power, count = sum(powers), len(total)
        if not math.isfinite(power) or power < SILENT * count * scale**2:
            return kept
        self._loudest = max(self._loudest, power / count)
        if power < QUIET * count * self._loudest:
            return kept
        if not kept and _is_plain(parts, [_power(total[part]) for part in quarters]):
            return kept
        found = spectrum(channels, rate)
        now = lost_share(found, kept or (1,) * len(channels))
        if now <= LOST:
            return kept
        best = best_weights(found, single=bool(kept))
        return best if now - lost_share(found, best) > GAIN else kept

    def _count(self, powers: Sequence[float], unit: float) -> None:
        if len(self._powers) != len(powers):
            self._powers = [0.0] * len(powers)
        for number, power in enumerate(powers):
            self._powers[number] += power / unit if math.isfinite(power) else 0.0


def _added(floats: Sequence[Samples], channels: Sequence[NDArray[Any]]) -> Samples:
    """The sum of the channels, which `floats` are as float32."""
    first, second, *_ = channels
    if first.dtype.itemsize <= 2 or first.dtype == np.float32:
        total: Samples = floats[0] + floats[1]
    else:  # float32 would round them before they are added
        total = floats[0].copy()
        total += second
    for one in channels[2:]:
        total += one
    return total


def _power(samples: Samples) -> float:
    return float(np.dot(samples, samples))


def _quarters(count: int) -> list[slice]:
    bounds = [count * quarter // GROUPS for quarter in range(GROUPS + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _is_plain(parts: Sequence[Sequence[float]], joined: Sequence[float]) -> bool:
    """Whether the sums alone show that adding the channels lost little, in every loud quarter.

    `parts` are the powers of the channels in each quarter, `joined` those of the sum.
    """
    sums = [sum(each) for each in parts]
    if sum(joined) > ALIKE * len(parts[0]) * sum(sums):
        return True
    loudest = max(sums)
    for each, power, left in zip(parts, sums, joined, strict=True):
        alone = sum(one > FAINT * max(each) for one in each) < 2
        if alone or power < LOUD_GROUP * loudest:
            continue
        if left <= (1 - LOST) * len(each) * power:
            return False
    return True


def _joined(channels: Sequence[Samples], weights: Weights, mean: Samples) -> Samples:
    """The channels with these weights, at the level of one of them; without weights, the mean."""
    if not weights:
        return mean
    total = np.zeros(len(mean), np.float32)
    for one, weight in zip(channels, weights, strict=True):
        if weight:
            total += one if weight > 0 else -one
    total *= np.float32(1 / sum(map(abs, weights)))
    return total


def _scaled(samples: Samples, scale: float) -> Samples:
    if scale != 1.0:
        samples *= 1 / scale
    return samples


def _in_words(weights: Weights) -> str:
    if not weights:
        return ""
    used = [str(number) for number, weight in enumerate(weights) if weight]
    if len(used) == 1:
        return f"the channels cancel when they are mixed, so only channel {used[0]} was used"
    inverted = [str(number) for number, weight in enumerate(weights) if weight < 0]
    many = len(inverted) > 1
    which = f"channel{'s' * many} {', '.join(inverted)} {'were' if many else 'was'}"
    return f"the channels cancel when they are mixed, so {which} inverted"
