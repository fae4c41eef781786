"""Makes films: a picture and stereo sound, each as late and as long as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soxr
from av.container import OutputContainer

from tests.media_files import LAYOUTS, Floats, speech

# By container: a codec for the picture where MPEG-4 doesn't fit.
PICTURES = {
    **dict.fromkeys(("mpegts", "mpeg", "vob", "mxf", "dvd"), "mpeg2video"),
    "flv": "flv",
    "webm": "libvpx",
}


def two_voices(seconds: float, rate: int) -> Floats:
    """Two people in one room, each nearer to one of two microphones: shape (2, n)."""
    one: Floats = soxr.resample(speech(seconds), 16_000, rate).astype(np.float32)
    other = one[::-1]
    return np.stack([one + 0.4 * other, 0.4 * one + other])


def write_film(
    path: Path,
    form: str,
    codec: str,
    sound: Floats,
    rate: int,
    *,
    late: float = 0.0,
    picture: float | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Sound of shape (channels, n) that starts `late`, with `picture` seconds of black.

    The test is skipped if libav lacks an encoder.
    """
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV {av.__version__} has no encoder {codec}")
    with av.open(str(path), "w", format=form, options=dict(options or {})) as container:
        video = None if picture is None else _add_picture(container, form)
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = LAYOUTS[len(sound)]
        stream.codec_context.options = {"strict": "-2"}
        container.start_encoding()
        packets = list(_sound_packets(stream, sound, rate, late))
        if video is not None:
            packets += _picture_packets(video, picture or 0.0)
        _mux(container, packets)
    return path


def _add_picture(container: OutputContainer, form: str) -> av.VideoStream:
    video = container.add_stream(PICTURES.get(form, "mpeg4"), rate=25)
    assert isinstance(video, av.VideoStream)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    if form == "webm":  # its encoder takes seconds for black pictures otherwise
        video.codec_context.options = {"deadline": "realtime", "cpu-used": "8"}
    return video


def _picture_packets(video: av.VideoStream, seconds: float) -> Iterator[av.Packet[Any]]:
    for number in range(round(seconds * 25)):
        image = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), "yuv420p")
        image.pts, image.time_base = number, Fraction(1, 25)
        yield from video.encode(image)
    yield from video.encode(None)


def _sound_packets(
    stream: av.AudioStream, sound: Floats, rate: int, late: float
) -> Iterator[av.Packet[Any]]:
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format, context.layout, rate, frame_size=context.frame_size or 1024
    )
    for first in range(0, sound.shape[1], rate):
        part = np.ascontiguousarray(sound[:, first : first + rate])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=LAYOUTS[len(sound)])
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = first + round(late * rate)
        for converted in resampler.resample(frame):
            yield from stream.encode(converted)
    for converted in resampler.resample(None):
        yield from stream.encode(converted)
    yield from stream.encode(None)


def _mux(container: OutputContainer, packets: list[av.Packet[Any]]) -> None:
    for packet in sorted(packets, key=lambda one: (one.dts or 0) * (one.time_base or 0)):
        container.mux(packet)
