"""Speech that the small Parakeet wasn't trained on, with its transcripts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.decode.media import open_media
from tests.media_files import Floats

FIXTURES = Path(__file__).parent / "fixtures"
FRAME = 1280  # samples of one of the encoder's frames, 80 ms


@dataclass(frozen=True, slots=True)
class Spoken:
    """One clip: 16 kHz mono, and its words."""

    name: str
    samples: Floats
    words: tuple[str, ...]


def small_parakeet(name: str) -> Path:
    """A file or folder of the small Parakeet; a test without it is skipped."""
    path = FIXTURES / "models" / name
    if not path.exists():
        pytest.skip(f"there is no {path.relative_to(FIXTURES.parent)}")
    return path


@cache
def held_out() -> tuple[Spoken, ...]:
    """All the clips, in their order."""
    folder = FIXTURES / "held_out"
    if not folder.exists():
        pytest.skip(f"there is no {folder.relative_to(FIXTURES.parent)}")
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return tuple(
        Spoken(row["file"], _samples(folder / row["file"]), tuple(row["text"].split()))
        for row in rows
    )


def joined(seconds: float, *, pause: float = 0.48, seed: int = 1) -> tuple[Floats, list[Spoken]]:
    """That much of the clips in a row with pauses, and which they were.

    Each begins at a whole frame, so that a time is the same frame as in the clip alone.
    """
    rng = np.random.default_rng(seed)
    clips = held_out()
    parts: list[Floats] = []
    said: list[Spoken] = []
    length = 0
    while length < seconds * 16_000:
        if not said or len(said) % len(clips) == 0:
            order = rng.permutation(len(clips))
        clip = clips[order[len(said) % len(clips)]]
        gap = round(pause * 16_000) + -len(clip.samples) % FRAME
        parts += [clip.samples, np.zeros(gap, np.float32)]
        said.append(clip)
        length += len(clip.samples) + gap
    return np.concatenate(parts), said


def _samples(path: Path) -> Floats:
    with open_media(path, name=path.name) as media:
        return np.concatenate([block.samples for block in media])
