"""Clips for the tests with NeMo: the held-out voices, their reference text and the error rate."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.transcript import Word
from tests.integration.transcribe.words import errors
from tests.media_files import Floats

FIXTURES = Path(__file__).parents[2] / "fixtures"
MODELS = FIXTURES / "models"
TDT = MODELS / "small-parakeet-tdt.nemo"


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a voice that the model was not trained on."""

    path: Path
    reference: tuple[str, ...]

    def sound(self) -> Floats:
        with open_media(self.path, name=self.path.name) as media:
            return np.concatenate([block.samples for block in media])


def clips() -> list[Clip]:
    folder = FIXTURES / "held_out"
    _, *rows = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    found = [row.split("\t") for row in rows]
    return [Clip(folder / row[0], tuple(row[-1].split())) for row in found]


def joined(chosen: Sequence[Clip], seconds: float, seed: int = 0) -> tuple[Floats, list[str]]:
    """Clips in a seeded order, over and over, until they last that long, and all their words."""
    sounds = [clip.sound() for clip in chosen]
    order = in_order([len(sound) for sound in sounds], seconds, seed)
    reference = [word for at in order for word in chosen[at].reference]
    return np.concatenate([sounds[at] for at in order]), reference


def in_order(lengths: Sequence[int], seconds: float, seed: int = 0) -> list[int]:
    """Which clip comes when in `joined`, by how many samples each has."""
    chance = random.Random(seed)
    order: list[int] = []
    length = 0
    while length < seconds * 16_000:
        order += chance.sample(range(len(lengths)), len(lengths))
        length += sum(lengths)
    return order


def as_chunk(sound: Floats, *, start: float = 0.0, overlap: float = 0.0) -> Chunk:
    return Chunk(sound, (Piece(0.0, start),), "clip.wav", overlap=overlap, last=True)


def error_rate(reference: Sequence[str], words: Sequence[Word]) -> float:
    return errors(reference, [word.text for word in words]) / len(reference)
