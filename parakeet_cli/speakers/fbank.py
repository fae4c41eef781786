"""Computes Kaldi's filter bank features, which the speaker embedding was trained on.

The same as `torchaudio.compliance.kaldi.fbank` with 80 bins, 16 kHz and no dither.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples

BINS = 80
FRAME = 160  # samples between two frames: 10 ms
LENGTH = 400  # samples of a frame: 25 ms

_FFT = 512
_LOWEST = 20.0  # Hz
_PREEMPHASIS = 0.97
_POVEY = 0.85  # the exponent of Povey's window
_LOUDEST = 1e30  # power in a bin of the spectrum
_FLOOR = float(np.finfo(np.float32).eps)  # of an energy, before its logarithm

Features = NDArray[np.float32]


def fbank(samples: Samples) -> Features:
    """The features of mono float32 samples in [-1, 1] at 16 kHz, shape (frames, 80).

    There are as many frames as fit: n samples have `1 + (n - 400) // 160`.
    """
    if len(samples) < LENGTH:
        return np.zeros((0, BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, LENGTH)[::FRAME].astype(np.float32)
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    windowed = (frames - np.float32(_PREEMPHASIS) * before) * _window()
    spectrum = np.fft.rfft(windowed, _FFT)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    # Floating-point files may have any number in them, and none.
    power = np.nan_to_num(power[:, :-1].astype(np.float64), nan=0.0, posinf=_LOUDEST)
    energies = np.minimum(power, _LOUDEST).astype(np.float32) @ _mel_bank()
    features: Features = np.log(np.maximum(energies, np.float32(_FLOOR)))
    return features


@cache
def _window() -> Samples:
    window: Samples = (np.hanning(LENGTH) ** _POVEY).astype(np.float32)
    return window


@cache
def _mel_bank() -> NDArray[np.float32]:
    """Triangles at equal distances on Kaldi's mel scale, shape (256, 80)."""
    low, high = _mel(np.array([_LOWEST, SAMPLE_RATE / 2]))
    edges = np.linspace(low, high, BINS + 2)
    mels = _mel(np.arange(_FFT // 2) * SAMPLE_RATE / _FFT)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (mels - left) / (centre - left), (right - mels) / (right - centre)
    bank: NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return bank


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
    return mel
