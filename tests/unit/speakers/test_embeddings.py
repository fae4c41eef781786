"""Embeddings tell voices apart, and the network's file is checked before it is loaded."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from parakeet_cli.audio.samples import to_float
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.speakers import embeddings
from parakeet_cli.speakers.fbank import Features, fbank
from tests.media_files import SAMPLES


def window(name: str, first: int) -> Features:
    """A second and a half of a recording, from that frame on."""
    with wave.open(str(SAMPLES / name)) as file:
        return fbank(to_float(np.frombuffer(file.readframes(10**9), "<i2")))[first : first + 150]


def test_a_voice_is_closer_to_itself_than_to_another_one() -> None:
    same, more, other = embeddings.embed(
        [window("sense_0870.wav", 100), window("sense_0930.wav", 50), window("cmu/cards_1.wav", 0)]
    )
    assert same @ more > 0.5
    assert same @ more > same @ other + 0.3


def test_windows_of_several_lengths_have_embeddings_of_length_one_in_their_order() -> None:
    clip = window("sense_0870.wav", 0)
    windows = [clip[:40], clip, clip[:40], clip[:90]]
    found = embeddings.embed(windows)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert found[0] == pytest.approx(found[2], abs=1e-5)
    assert found[1] == pytest.approx(embeddings.embed([clip])[0], abs=1e-4)


def test_how_loud_a_voice_is_changes_nothing() -> None:
    with wave.open(str(SAMPLES / "sense_0870.wav")) as file:
        samples = to_float(np.frombuffer(file.readframes(24_400), "<i2"))
    loud, soft = embeddings.embed([fbank(samples), fbank(samples * np.float32(0.25))])
    assert loud @ soft > 0.99


def test_no_window_has_no_embedding() -> None:
    assert embeddings.embed([]).shape == (0, 192)


@pytest.mark.parametrize("name", ["MODEL", "VOICE_SPACE"])
def test_a_file_that_was_changed_is_not_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "changed"
    content = bytearray(getattr(embeddings, name).read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(embeddings, name, changed)
    with pytest.raises(EngineUnavailable, match="was changed"):
        embeddings.check_models()


@pytest.mark.parametrize("name", ["MODEL", "VOICE_SPACE"])
def test_a_file_that_is_missing_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, name, tmp_path / "absent.file")
    with pytest.raises(EngineUnavailable, match=r"absent\.file"):
        embeddings.check_models()


def test_the_network_is_small_and_has_its_licence_beside_it() -> None:
    assert embeddings.MODEL.stat().st_size < 15_000_000
    assert "Apache License" in (embeddings.MODEL.parent / "LICENSE.txt").read_text("utf-8")
