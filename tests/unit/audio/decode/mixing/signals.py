"""Signals of several channels for the tests of their joining."""

from __future__ import annotations

import numpy as np
import soxr

from tests.media_files import Floats, speech

RATE = 44_100
VOICE: Floats = soxr.resample(speech(12), 16_000, RATE).astype(np.float32)
OTHER: Floats = np.ascontiguousarray(VOICE[::-1])
SILENCE: Floats = np.zeros_like(VOICE)


def noise(level: float, seed: int = 1) -> Floats:
    random = np.random.default_rng(seed)
    return (level * random.standard_normal(len(VOICE))).astype(np.float32)


def delayed(signal: Floats, seconds: float) -> Floats:
    count = round(seconds * RATE)
    return np.concatenate([np.zeros(count, np.float32), signal[: len(signal) - count]])


def in_a_room(signal: Floats, seed: int) -> Floats:
    """The signal with an echo that differs by the seed, as in front of another microphone."""
    length = round(0.3 * RATE)
    decay = np.exp(-np.arange(length) / (0.08 * RATE))
    echo = np.random.default_rng(seed).standard_normal(length) * decay
    echo *= 0.7 / np.sqrt((echo**2).sum())
    size = 1 << (len(signal) + length).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(echo, size), size)
    return (signal + wet[: len(signal)]).astype(np.float32)


# Recordings in which nothing is wrong.
HEALTHY = {
    "the same": (VOICE, VOICE),
    "noise": (VOICE + noise(0.003, 1), VOICE + noise(0.003, 2)),
    "one louder": (VOICE, 0.3 * VOICE),
    "two people": (VOICE, OTHER),
    "two people and crosstalk": (VOICE + 0.2 * OTHER, OTHER + 0.2 * VOICE),
    "a room": (in_a_room(VOICE, 1), in_a_room(VOICE, 2)),
    **{f"{ms} ms apart": (VOICE, delayed(VOICE, ms / 1000)) for ms in (0.2, 1, 2, 10, 30)},
    "noise alone": (noise(0.05, 1), noise(0.05, 2)),
    "5.1": (noise(0.02, 1), noise(0.02, 2), VOICE, SILENCE, 0.1 * OTHER, 0.1 * OTHER),
}
# Recordings whose mean has lost the voice, or nearly.
CANCELLING = {
    "inverted": (VOICE, -VOICE),
    "inverted and weaker": (VOICE, -0.6 * VOICE),
    "inverted with noise": (VOICE + noise(0.003, 1), -VOICE + noise(0.003, 2)),
    "inverted and late": (VOICE, -delayed(VOICE, 0.0001)),
    "inverted in a room": (in_a_room(VOICE, 1), -in_a_room(VOICE, 2)),
    "inverted, with another voice": (VOICE + 0.3 * OTHER, 0.3 * OTHER - VOICE),
    "two of six inverted": (VOICE, -VOICE, *[SILENCE] * 4),
    "two of four inverted": (VOICE, VOICE, -VOICE, -VOICE),
}
