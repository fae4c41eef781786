"""Tests that silence, a fan, music and clicks, all seeded, give no text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.dictate.speech import RATE, write_wav
from tests.integration.transcribe.command import run

SECONDS = 40
Sound = NDArray[np.float64]


def silence(rng: np.random.Generator) -> Sound:
    return rng.normal(0, 2e-5, SECONDS * RATE)


def fan(rng: np.random.Generator) -> Sound:
    """Brown noise and the blades' hum."""
    brown = np.cumsum(rng.normal(0, 1, SECONDS * RATE))
    brown -= np.convolve(brown, np.ones(2000) / 2000, mode="same")
    at = np.arange(SECONDS * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 47 * k * at + rng.uniform(0, 6)) / k for k in range(1, 6))
    return np.asarray(0.05 * brown / np.abs(brown).max() + 0.02 * hum)


def music(rng: np.random.Generator) -> Sound:
    """Chords with overtones that are struck and fade, and a beat."""
    out = np.zeros(SECONDS * RATE)
    length = RATE // 2
    at = np.arange(length) / RATE
    for begin in range(0, len(out) - length, length):
        for note in rng.choice([0, 4, 7, 12, 16], 3, replace=False):
            pitch = 220 * 2 ** ((note + rng.integers(0, 3)) / 12)
            tone = sum(np.sin(2 * np.pi * pitch * k * at) / k**1.5 for k in range(1, 7))
            out[begin : begin + length] += 0.08 * tone * np.exp(-3 * at)
        out[begin : begin + 800] += 0.1 * rng.normal(0, 1, 800) * np.exp(-np.arange(800) / 150)
    return out


def clicks(rng: np.random.Generator) -> Sound:
    """A keyboard."""
    out = rng.normal(0, 1e-4, SECONDS * RATE)
    for begin in rng.integers(0, len(out) - 400, 200):
        out[begin : begin + 400] += 0.4 * rng.normal(0, 1, 400) * np.exp(-np.arange(400) / 60)
    return out


@pytest.mark.parametrize("sound", [silence, fan, music, clicks])
def test_sound_without_speech_gives_no_text(
    tmp_path: Path, sound: Callable[[np.random.Generator], Sound]
) -> None:
    found = sound(np.random.default_rng(7))
    pcm = (np.clip(found, -1, 1) * 32767).astype(np.int16)
    path = write_wav(tmp_path / "noise.wav", pcm)
    done = run(
        tmp_path,
        *("dictate", "--from-file", path, "--fast", "--json"),
        engine={"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"},
        limit=300,
    )
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event for event in events if event["event"] in ("final", "command")] == []
