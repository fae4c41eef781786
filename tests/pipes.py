"""Writes media as FFmpeg does into a pipe, where it can't go back to fill in sizes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soxr

from tests.media_files import speech


class Pipe(io.RawIOBase):
    """A file object that can't go back."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def to_pipe(
    form: str, codec: str, rate: int, seconds: float, options: Mapping[str, str] | None = None
) -> bytes:
    """Mono speech in a container."""
    file = Pipe()
    with av.open(file, "w", format=form, options=dict(options or {})) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        context = stream.codec_context
        context.layout = "mono"
        resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=rate)
        sound = soxr.resample(speech(seconds), 16_000, rate).astype(np.float32)
        step = rate // 10
        for first in range(0, len(sound), step):
            part = np.ascontiguousarray(sound[first : first + step]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return bytes(file.data)
