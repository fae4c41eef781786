"""The word error rate on clips that were held out, through NeMo and through onnx-asr."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.small_parakeet.speech import RATE, Samples


@dataclass(frozen=True)
class Errors:
    """Words said, and how many edits away what was heard is."""

    words: int
    edits: int

    @property
    def rate(self) -> float:
        return self.edits / max(self.words, 1)


def edits(said: list[str], heard: list[str]) -> int:
    """The Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def compare(said: list[str], heard: list[str]) -> Errors:
    pairs = list(zip(said, heard, strict=True))
    return Errors(
        sum(len(text.split()) for text in said),
        sum(edits(text.split(), other.split()) for text, other in pairs),
    )


def through_nemo(path: Path, clips: list[Samples]) -> list[str]:
    """What the .nemo file hears, read from the disk as others will read it."""
    from nemo.collections.asr.models import ASRModel

    model: Any = ASRModel.restore_from(str(path), map_location="cpu").eval()
    heard = model.transcribe(clips, batch_size=8, verbose=False)
    return [hypothesis.text for hypothesis in heard]


def through_onnx(folder: Path, clips: list[Samples]) -> list[str]:
    """What the ONNX folder hears, by onnx-asr, a clip at a time."""
    import onnx_asr

    model = onnx_asr.load_model(_model_type(folder), folder, providers=["CPUExecutionProvider"])
    return [model.recognize(np.asarray(clip), sample_rate=RATE) for clip in clips]


def _model_type(folder: Path) -> str:
    import json

    said: str = json.loads((folder / "config.json").read_text())["model_type"]
    return said
