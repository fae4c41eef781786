"""Sound as a device gives it to 16 kHz mono, as it comes."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE

Pcm = NDArray[np.int16]


class ToMono:
    """Interleaved int16 of any rate and channel count in, 16 kHz mono int16 out.

    All channels are averaged. soxr takes its own delay out, so the n-th sample out lies
    n/16000 s after the first one in.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._stream = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        )

    def __call__(self, interleaved: Pcm, *, last: bool = False) -> Pcm:
        """Shape (frames * channels,) to shape (n,); with `last`, what soxr still holds too."""
        mixed = np.zeros(len(interleaved) // self._channels, np.float32)
        for channel in range(self._channels):
            mixed += interleaved[channel :: self._channels]
        mixed *= 1 / self._channels
        if self._stream is not None:
            mixed = self._stream.resample_chunk(mixed, last=last)
        return to_pcm(mixed, scale=1.0)


def to_pcm(samples: NDArray[np.float32], *, scale: float = 32768.0) -> Pcm:
    """Float samples to int16; `scale` brings them to int16's range."""
    pcm: Pcm = np.clip(np.rint(samples * scale), -32768, 32767).astype(np.int16)
    return pcm


def to_float(pcm: Pcm) -> NDArray[np.float32]:
    """int16 samples to mono float32 in [-1, 1]."""
    return pcm.astype(np.float32) * np.float32(1 / 32768)
