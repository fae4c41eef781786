"""Floats on the scale of integers are as loud as they were, and ordinary floats as they are."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.mixing.levels import in_words
from parakeet_cli.audio.samples import Samples
from parakeet_cli.transcript import Doubt
from tests.media_files import Floats, speech

RATE = 16_000


def write_floats(path: Path, samples: Floats, kind: str = "f32") -> Path:
    """Float samples as they are, without any limit to their values."""
    planar = {"f32": "flt", "f64": "dbl"}[kind]
    codec = f"pcm_{kind}{'be' if path.suffix in ('.aiff', '.au') else 'le'}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = "mono"
        wide: NDArray[Any] = samples.astype(np.float32 if kind == "f32" else np.float64)
        for first in range(0, len(wide), RATE):
            frame = av.AudioFrame.from_ndarray(
                wide[None, first : first + RATE], format=planar, layout="mono"
            )
            frame.sample_rate, frame.pts = RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode(path: Path) -> tuple[Samples, tuple[Doubt, ...]]:
    with open_media(path, isolated=False) as media:
        samples = np.concatenate([block.samples for block in media])
    return samples, media.doubts


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("name", ["a.wav", "a.w64", "a.caf", "a.au", "a.mkv"])
def test_floats_on_the_scale_of_integers_are_divided_by_it(
    name: str, bits: int, tmp_path: Path
) -> None:
    voice = speech(6)
    path = write_floats(tmp_path / name, voice * np.float32(2 ** (bits - 1)))
    samples, (doubt,) = decode(path)
    np.testing.assert_allclose(samples, voice, atol=1e-4)
    assert (doubt.kind, doubt.start) == ("levels", 0.0)
    assert doubt.end == pytest.approx(6.0, abs=0.01)
    assert f"{bits}-bit integers" in doubt.reason


def test_quiet_noise_before_the_speech_is_on_the_same_scale(tmp_path: Path) -> None:
    voice = speech(60)
    hiss = np.random.default_rng(1).standard_normal(40 * RATE).astype(np.float32) * 2e-5
    whole: Floats = np.concatenate([hiss, voice], dtype=np.float32)
    samples, doubts = decode(write_floats(tmp_path / "a.wav", whole * np.float32(2.0**15), "f64"))
    np.testing.assert_allclose(samples, whole, atol=1e-4)
    assert len(doubts) == 1


@pytest.mark.parametrize("level", [0.01, 1.0, 2.0, 4.0])
def test_ordinary_floats_stay_as_they_are(level: float, tmp_path: Path) -> None:
    voice = speech(40)
    voice *= level / np.abs(voice).max()
    samples, doubts = decode(write_floats(tmp_path / "a.wav", voice))
    if level <= 2.0:
        np.testing.assert_array_equal(samples, np.clip(voice, -1, 1))
        assert doubts == ()
    else:  # beyond what a recorder does: brought down to full scale
        assert np.abs(samples).max() <= 1.0
        assert np.corrcoef(samples, voice)[0, 1] > 0.999
        assert [one.kind for one in doubts] == ["levels"]


def test_a_few_broken_values_decide_nothing(tmp_path: Path) -> None:
    voice = speech(20)
    voice[1000], voice[1001], voice[200_000] = 1e30, np.inf, np.nan
    samples, doubts = decode(write_floats(tmp_path / "a.wav", voice))
    np.testing.assert_array_equal(samples[5000:100_000], voice[5000:100_000])
    assert doubts == ()


def test_integers_are_never_on_another_scale(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((speech(5) * 2**15).astype("<i2").tobytes())
    assert decode(tmp_path / "a.wav")[1] == ()


def test_the_usual_scale_needs_no_words() -> None:
    assert in_words(1.0) == ""
    assert in_words(2.0**15).endswith("16-bit integers, so they were divided by 32768")
    assert "far beyond full scale" in in_words(6.5)
