"""Measures the word error rate on held-out clips, with NeMo and with onnx-asr."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.small_parakeet.speech import RATE, Samples


@dataclass(frozen=True)
class Errors:
    """The words of a reference, and the edits that lead to a transcript of it."""

    words: int
    edits: int

    @property
    def rate(self) -> float:
        return self.edits / max(self.words, 1)


def edits(reference: list[str], transcript: list[str]) -> int:
    """The Levenshtein distance in words."""
    row = list(range(len(transcript) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(transcript, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def compare(references: list[str], transcripts: list[str]) -> Errors:
    """The errors of all transcripts together."""
    pairs = list(zip(references, transcripts, strict=True))
    return Errors(
        sum(len(text.split()) for text in references),
        sum(edits(text.split(), other.split()) for text, other in pairs),
    )


def through_nemo(path: Path, clips: list[Samples]) -> list[str]:
    """The transcripts of the .nemo file, loaded from the disk."""
    from nemo.collections.asr.models import ASRModel

    model: Any = ASRModel.restore_from(str(path), map_location="cpu").eval()
    hypotheses = model.transcribe(clips, batch_size=8, verbose=False)
    return [hypothesis.text for hypothesis in hypotheses]


def through_onnx(folder: Path, clips: list[Samples]) -> list[str]:
    """The transcripts of the ONNX folder by onnx-asr, one clip at a time."""
    import onnx_asr

    model = onnx_asr.load_model(_model_type(folder), folder, providers=["CPUExecutionProvider"])
    return [model.recognize(np.asarray(clip), sample_rate=RATE) for clip in clips]


def _model_type(folder: Path) -> str:
    model_type: str = json.loads((folder / "config.json").read_text())["model_type"]
    return model_type
