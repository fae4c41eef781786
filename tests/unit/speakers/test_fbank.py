"""Features are Kaldi's, which the speaker embedding was trained on."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from parakeet_cli.audio.samples import to_float
from parakeet_cli.speakers.fbank import fbank
from tests.media_files import SAMPLES


def test_features_are_those_of_kaldi() -> None:
    with wave.open(str(SAMPLES / "sense_0880.wav")) as file:
        samples = to_float(np.frombuffer(file.readframes(16_000), "<i2"))
    features = fbank(samples)
    assert features.shape == (98, 80)
    # Computed by kaldi-native-fbank 1.23.0 without dither.
    assert features[10, [0, 20, 40, 79]] == pytest.approx(
        [-9.4629, -12.2036, -9.5589, -13.6950], abs=1e-3
    )
    assert features[60, [0, 20, 40, 79]] == pytest.approx(
        [-5.2704, -6.5849, -6.2089, -14.6234], abs=1e-3
    )


@pytest.mark.parametrize(("count", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_there_are_as_many_frames_as_fit(count: int, frames: int) -> None:
    assert fbank(np.zeros(count, np.float32)).shape == (frames, 80)


def test_silence_has_finite_features() -> None:
    assert np.isfinite(fbank(np.zeros(1_600, np.float32))).all()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_sound_has_finite_features(value: float) -> None:
    samples = np.zeros(1_600, np.float32)
    samples[700] = value
    assert np.isfinite(fbank(samples)).all()
