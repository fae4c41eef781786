"""Computes the features of the clips once, and stores them in a file."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor
from numpy.typing import NDArray

from tools.small_parakeet import speech
from tools.small_parakeet.configuration import preprocessor

FRAMES_PER_SECOND = 100


@dataclass(frozen=True)
class Corpus:
    """All clips; `features` has their frames one after another: (frames, mels), float16."""

    features: NDArray[np.float16]
    starts: list[int]  # of each clip in `features`, and the end of the last
    texts: list[str]

    @property
    def hours(self) -> float:
        return self.starts[-1] / FRAMES_PER_SECOND / 3600

    def length(self, index: int) -> int:
        return self.starts[index + 1] - self.starts[index]

    def batch(self, indices: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (batch, mels, frames), zeros after a clip's end, and the lengths."""
        lengths = [self.length(index) for index in indices]
        padded = np.zeros((len(indices), max(lengths), self.features.shape[1]), np.float32)
        for row, (index, length) in enumerate(zip(indices, lengths, strict=True)):
            start = self.starts[index]
            padded[row, :length] = self.features[start : start + length]
        return torch.from_numpy(padded).transpose(1, 2), torch.tensor(lengths)

    def batches(self, chance: random.Random, seconds: float) -> Iterator[list[int]]:
        """Every clip once, in batches of up to `seconds` with clips of similar length."""
        count = len(self.texts)
        by_length = sorted(range(count), key=lambda i: self.length(i) * chance.uniform(0.85, 1.15))
        batches: list[list[int]] = [[]]
        longest = 0
        for index in by_length:
            longest = max(longest, self.length(index))
            if (len(batches[-1]) + 1) * longest > seconds * FRAMES_PER_SECOND and batches[-1]:
                batches.append([])
                longest = self.length(index)
            batches[-1].append(index)
        chance.shuffle(batches)
        yield from batches


def build(clips: list[speech.Clip], mels: int, folder: Path) -> Corpus:
    """The corpus in `folder`, which is written unless an earlier run did. Raises SystemExit."""
    index = folder / "index.json"
    if not index.exists():
        _make(clips, mels, folder)
    stored = json.loads(index.read_text())
    if stored["texts"] != [clip.text for clip in clips] or stored["mels"] != mels:
        raise SystemExit(f"{folder} has another corpus: remove it, or name another folder")
    features = np.memmap(folder / "features.f16", np.float16, "r").reshape(-1, mels)
    return Corpus(features, stored["starts"], stored["texts"])


def _make(clips: list[speech.Clip], mels: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = {key: value for key, value in preprocessor(mels).items() if key != "_target_"}
    preprocess = AudioToMelSpectrogramPreprocessor(**options).eval()
    starts = [0]
    with open(folder / "features.f16", "wb") as out, torch.no_grad():
        for samples in speech.render_all(clips):
            features, length = preprocess(
                input_signal=torch.from_numpy(samples)[None],
                length=torch.tensor([len(samples)]),
            )
            frames = features[0, :, : int(length[0])].T.numpy().astype(np.float16)
            out.write(frames.tobytes())
            starts.append(starts[-1] + len(frames))
    stored = {"texts": [clip.text for clip in clips], "starts": starts, "mels": mels}
    (folder / "index.json").write_text(json.dumps(stored))
