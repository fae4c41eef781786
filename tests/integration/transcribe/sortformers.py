"""Small Sortformers with random weights, made by the ML interpreter, and sound for them."""

from __future__ import annotations

import json
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.sortformer import STREAMING, Sortformer
from tests.integration.transcribe.command import environment
from tests.media_files import SAMPLES

LIMIT = 900.0  # seconds for NeMo to start and make the models, on a busy machine
SCRIPT = Path(__file__).with_name("nemo_sortformer.py")

Frames = NDArray[np.float32]


def speech(seconds: float) -> NDArray[np.float32]:
    """The samples, one after the other and again, as they are decoded."""
    parts = []
    for path in sorted(SAMPLES.glob("*.wav")):
        with wave.open(str(path)) as file:
            parts.append(np.frombuffer(file.readframes(10**9), "<i2"))
    sound = np.concatenate(parts).astype(np.float32) / 2**15
    return np.resize(sound, round(seconds * SAMPLE_RATE))


def save(path: Path, sound: NDArray[np.float32]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((sound * 2**15).astype("<i2").tobytes())
    return path


def make(python: str, folder: Path, sound: NDArray[np.float32]) -> Frames:
    """Write sortformer.nemo and whole.nemo into the folder; NeMo's own frames of the sound."""
    (folder / "sizes.json").write_text(json.dumps(STREAMING))
    np.save(folder / "sound.npy", sound)
    subprocess.run(
        [python, "-B", str(SCRIPT), str(folder), "sizes.json", "sound.npy"],
        check=True, capture_output=True, cwd=folder, env=environment(folder), timeout=LIMIT,
    )  # fmt: skip
    return np.array(json.loads((folder / "frames.json").read_text()), np.float32)


def options(python: str, device: str = "cpu") -> EngineOptions:
    return EngineOptions(ml_python=python, device=device, threads=1)


def chunks(sound: NDArray[np.float32], *cuts: int) -> list[Chunk]:
    """The sound in chunks that are cut at those samples."""
    edges = [0, *cuts, len(sound)]
    return [
        Chunk(sound[first:last], (Piece(0.0, first / SAMPLE_RATE),))
        for first, last in pairwise(edges)
    ]


def frames(diarizer: Sortformer, parts: list[Chunk]) -> Frames:
    """The probabilities of one recording."""
    recording = diarizer.open()
    for part in parts:
        recording.add(part)
    recording.close()
    return recording.activity()[1]
