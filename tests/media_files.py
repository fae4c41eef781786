"""Makes real media files for tests with libav's own encoders."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import OutputContainer
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAMPLES = Path(__file__).parent.parent / "samples"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind of media file is made, at a `rate` and with `channels` that it supports."""

    suffix: str
    codec: str
    rate: int = 44_100
    channels: int = 2
    bit_rate: int | None = None
    sample_format: str | None = None
    delay: float = 0.0  # seconds of encoder delay that the format has no field for


# One row per format that `parakeet transcribe` takes.
RECIPES: dict[str, Recipe] = {
    "wav": Recipe("wav", "pcm_s16le"),
    "flac": Recipe("flac", "flac", sample_format="s16"),
    "mp3": Recipe("mp3", "libmp3lame", bit_rate=128_000),
    "m4a": Recipe("m4a", "aac", bit_rate=128_000),
    # 1,024 samples of priming, which an ADTS stream has no field for.
    "adts": Recipe("aac", "aac", bit_rate=128_000, delay=1024 / 44_100),
    "vorbis": Recipe("ogg", "vorbis"),
    "opus": Recipe("opus", "libopus", rate=48_000, bit_rate=48_000),
    "webm": Recipe("webm", "libopus", rate=48_000, bit_rate=48_000),
    "mkv": Recipe("mkv", "aac", bit_rate=128_000),
    "mp4": Recipe("mp4", "aac", bit_rate=128_000),
    "mov": Recipe("mov", "alac"),
    "aiff": Recipe("aiff", "pcm_s16be"),
    "wma": Recipe("wma", "wmav2", bit_rate=128_000, delay=2048 / 44_100),
    "amr": Recipe(
        "amr", "libopencore_amrnb", rate=8_000, channels=1, bit_rate=12_200, delay=0.0065
    ),
}

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def write_media(
    path: Path, samples: Floats, recipe: Recipe, *more: tuple[Floats, Recipe], video: bool = False
) -> Path:
    """Encode `samples`, shape (n, channels) or (n,), as one audio stream.

    `more` are further audio streams; `video` puts a second of black before them. The test is
    skipped if libav has no such encoder: the one for AMR is gone in PyAV 19, whose decoder stays.
    """
    with av.open(str(path), "w") as container:
        picture = _add_video(container) if video else None
        tracks = [
            (_add_audio(container, recipe), sound, recipe)
            for sound, recipe in ((samples, recipe), *more)
        ]
        if picture is not None:
            for _ in range(25):
                container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(picture.encode(None))
        for stream, sound, one in tracks:
            _encode(container, stream, sound, one)
    return path


def write_silent_video(path: Path) -> Path:
    """A second of black and no audio stream."""
    with av.open(str(path), "w", format="mp4") as container:
        picture = _add_video(container)
        for _ in range(25):
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(picture.encode(None))
    return path


def _add_video(container: OutputContainer) -> av.VideoStream:
    stream = container.add_stream("mpeg4", rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream


def _add_audio(container: OutputContainer, recipe: Recipe) -> av.AudioStream:
    if recipe.codec not in av.codecs_available:
        pytest.skip(f"PyAV {av.__version__} has no encoder {recipe.codec}")
    stream = container.add_stream(recipe.codec, rate=recipe.rate)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = LAYOUTS[recipe.channels]
    if recipe.sample_format:
        stream.codec_context.format = recipe.sample_format
    if recipe.bit_rate:
        stream.codec_context.bit_rate = recipe.bit_rate
    if recipe.codec == "vorbis":
        stream.codec_context.options = {"strict": "-2"}
    return stream


def _encode(
    container: OutputContainer, stream: av.AudioStream, samples: Floats, recipe: Recipe
) -> None:
    wide = np.atleast_2d(samples.T).astype(np.float32)
    if len(wide) != recipe.channels:
        wide = np.repeat(wide[:1], recipe.channels, axis=0)
    resampler = av.AudioResampler(
        format=stream.codec_context.format,
        layout=stream.codec_context.layout,
        rate=recipe.rate,
    )
    step = recipe.rate
    for first in range(0, wide.shape[1], step):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(wide[:, first : first + step].T).reshape(1, -1),
            format="flt",
            layout=LAYOUTS[recipe.channels],
        )
        frame.sample_rate = recipe.rate
        frame.pts = first
        frame.time_base = Fraction(1, recipe.rate)
        for converted in resampler.resample(frame):
            container.mux(stream.encode(converted))
    container.mux(stream.encode(None))


def clicks(seconds: float, rate: int, at: tuple[float, ...]) -> Floats:
    """Silence with a click of half a millisecond at each of the times `at`, mono."""
    time = np.arange(round(seconds * rate)) / rate
    signal = np.zeros(len(time), np.float32)
    for moment in at:
        near = slice(max(0, int((moment - 0.05) * rate)), int((moment + 0.05) * rate))
        signal[near] += (0.8 * np.exp(-(((time[near] - moment) / 0.0005) ** 2))).astype(np.float32)
    return signal


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.5) -> Floats:
    """A sine wave, mono, shape (n,)."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def speech(seconds: float) -> Floats:
    """The sample clips in a loop, with pauses between them: 16 kHz mono."""
    clips: list[Floats] = []
    for path in sorted(SAMPLES.glob("*.wav")):
        with wave.open(str(path)) as file:
            data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        clips.append((data / 2**15).astype(np.float32))
    parts: list[Floats] = []
    length = 0
    while length < seconds * 16_000:
        number = len(parts) // 2
        # Pauses of different lengths, so that nothing repeats at a fixed distance.
        pause: Floats = np.zeros(8_000 + number * 1_231 % 9_000, np.float32)
        parts.extend((clips[number % len(clips)], pause))
        length += len(parts[-1]) + len(parts[-2])
    return np.concatenate(parts)[: round(seconds * 16_000)]
