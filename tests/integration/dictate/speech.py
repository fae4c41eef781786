"""Makes sound to dictate from the samples: real speech with known words at known times."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.media_files import SAMPLES

RATE = 16_000
SENTENCES = tuple(sorted(SAMPLES.glob("sense_*.wav")))

Pcm = NDArray[np.int16]


def read_wav(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def write_wav(path: Path, pcm: Pcm, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


def spoken_text(clip: Path) -> str:
    """The text of a sample, in lower case and without punctuation."""
    lines = (SAMPLES / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    known = dict(line.split("\t") for line in lines)
    return known[str(clip.relative_to(SAMPLES))]


def speech_bounds(pcm: Pcm) -> tuple[float, float]:
    """Where speech begins and ends, in seconds: where it is louder than a fiftieth of its peak."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > np.abs(pcm.astype(np.int32)).max() / 50)
    return int(loud[0]) / RATE, int(loud[-1]) / RATE


@dataclass(frozen=True, slots=True)
class Talk:
    """A recording, and its words in order with their times."""

    path: Path
    words: tuple[tuple[float, float, str], ...]
    seconds: float
    ends: tuple[float, ...]  # of each clip's speech


def make_talk(folder: Path, clips: int, *, pause: float = 1.0, lead: float = 0.0) -> Talk:
    """That many sentences with pauses between them, and cues for the mock engine.

    The words in the cues are numbered, so that a test can find each of them in the output.
    """
    silence = np.zeros(round(pause * RATE), np.int16)
    pieces: list[Pcm] = [np.zeros(round(lead * RATE), np.int16)]
    at = len(pieces[0])
    words: list[tuple[float, float, str]] = []
    ends = []
    for clip in islice(cycle(SENTENCES), clips):
        pcm = read_wav(clip)
        begin, end = speech_bounds(pcm)
        count = len(spoken_text(clip).split())
        each = (end - begin) / count
        for number in range(count):
            start = at / RATE + begin + number * each
            words.append((start, start + each, f"w{len(words)}"))
        ends.append(at / RATE + end)
        pieces += [pcm, silence]
        at += len(pcm) + len(silence)
    path = write_wav(folder / "talk.wav", np.concatenate(pieces))
    lines = (f"{start:.4f}\t{end:.4f}\t{word}\n" for start, end, word in words)
    path.with_suffix(".cues.tsv").write_text("".join(lines), encoding="utf-8")
    return Talk(path, tuple(words), at / RATE, tuple(ends))
