"""Finds out whether channels cancel when they are added, and how else they can be joined.

Both questions are answered in the spectrum: added channels have lost a part of it if they are
much weaker there than the channels are by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Samples

Weights = tuple[int, ...]  # 1, 0 or -1 for each channel
Spectrum = NDArray[np.complexfloating]

WINDOW_SECONDS = 0.025
WINDOWS = 20  # looked at in a part of a second: enough to see each syllable
GROUPS = 4  # of windows, so that what begins within a part is noticed
BAND = (150.0, 4000.0)  # Hz; speech, without the hum of mains
# Of the power that incoherent channels add up to. Of channels with equal power and random phases,
# a fifth is weaker.
WEAK = 0.21
LOST = 0.65  # share: healthy recordings, made with spaced microphones too, lose less
GROUP_LOST = 0.85
LOUD_GROUP = 0.1  # of the loudest group's power
# Powers are compared as they are, and compressed: speech may lie below loud music.
COMPRESSION = 0.25
FAINT = 0.01  # of the loudest channel's power: a weaker channel can't cancel it
NEARLY = 0.05  # difference between two shares that says nothing


def spectrum(channels: Sequence[Samples], rate: int) -> Spectrum:
    """Windows of every channel in the band of speech, shape (channels, windows, bins)."""
    size = 1 << max(4, round(np.log2(rate * WINDOW_SECONDS)))
    count = len(channels[0])
    size = min(size, count)
    starts = np.linspace(0, count - size, min(WINDOWS, max(1, count // size))).astype(int)
    shape = np.hanning(size).astype(np.float32)
    cut = np.stack([[one[start : start + size] for start in starts] for one in channels])
    hertz = np.fft.rfftfreq(size, 1 / rate)
    inside = (hertz >= BAND[0]) & (hertz <= BAND[1])
    found: Spectrum = np.fft.rfft(cut * shape, axis=2)[:, :, inside]
    return found


def lost_share(channels: Spectrum, weights: Weights) -> float:
    """The share of the channels' sound, 0 to 1, that is lost if they are joined like this.

    1 also if nearly everything is lost in a quarter of the windows, however short.
    """
    powers = (np.abs(channels) ** 2).sum(axis=0)
    joined = np.abs(np.tensordot(weights, channels, axes=1)) ** 2
    lost = joined < WEAK * powers
    return max(_share(powers**COMPRESSION, lost), _share(powers, lost))


def _share(powers: NDArray[np.floating], lost: NDArray[np.bool_]) -> float:
    total = float(powers.sum())
    if not total:
        return 0.0
    gone = np.where(lost, powers, 0.0)
    groups = [(part.sum(), missing.sum()) for part, missing in _grouped(powers, gone)]
    loudest = max(power for power, _ in groups)
    for power, missing in groups:
        if power >= LOUD_GROUP * loudest and missing > GROUP_LOST * power:
            return 1.0
    return float(gone.sum()) / total


def _grouped(
    powers: NDArray[np.floating], lost: NDArray[np.floating]
) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
    groups = min(GROUPS, len(powers))
    return list(zip(np.array_split(powers, groups), np.array_split(lost, groups), strict=True))


def best_weights(channels: Spectrum, *, single: bool) -> Weights:
    """The way to join channels that cancel, by which the least is lost.

    One is inverted if that is as good as taking one channel alone; with `single` it isn't
    tried: inverting has failed before.
    """
    count = len(channels)
    power = (np.abs(channels) ** 2).sum(axis=(1, 2))
    order = [int(number) for number in np.argsort(-power)]
    ways = [_unit(number, count) for number in order]
    if not single:
        ways.insert(0, _signs(channels, [one for one in order if power[one] > FAINT * power.max()]))
    shares = [lost_share(channels, way) for way in ways]
    least = min(shares)
    return next(way for way, share in zip(ways, shares, strict=True) if share <= least + NEARLY)


def _unit(number: int, count: int) -> Weights:
    return tuple(int(one == number) for one in range(count))


def _signs(channels: Spectrum, order: Sequence[int]) -> Weights:
    """Each channel with the sign that makes it agree with the louder ones."""
    signs = [0] * len(channels)  # a channel that isn't in the order is left out
    total = np.zeros_like(channels[0])
    for number in order:
        agrees = float((total * channels[number].conj()).real.sum()) >= 0
        signs[number] = 1 if agrees else -1
        total += signs[number] * channels[number]
    # The first of them keeps its sign: the other one is said to be inverted.
    first = signs[min(order)]
    return tuple(sign * first for sign in signs)
