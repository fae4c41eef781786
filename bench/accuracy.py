"""Counts the words that the embedded models get wrong in English speech with known texts.

    python bench/accuracy.py [--write docs/benchmarks.md]

The speech is samples/, as it was recorded, as a telephone carries it and with noise, and the
tests' held-out clips, which espeak-ng says. Each set is one `parakeet transcribe` for each model.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr
from faster_whisper.audio import decode_audio
from measure import write_table
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parakeet_cli.models.embedded import EMBEDDED  # noqa: E402
from tests.integration.transcribe.words import errors, spoken  # noqa: E402
from tests.media_files import Recipe, write_media  # noqa: E402

Floats = NDArray[np.float32]
RATE = 16_000
TELEPHONE_RATE = 8_000
NOISE_BELOW_SPEECH = 10.0  # decibels


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    rows = []
    for name, change in SETS.items():
        clips = list(_held_out() if change is None else _samples())
        wrong = {model: _wrong(clips, change or _as_recorded, model) for model in EMBEDDED}
        rows.append((name, sum(len(spoken(text)) for _, text in clips), wrong))
        print(rows[-1], file=sys.stderr)
    table = _table(rows)
    print(table)
    if options.write:
        write_table(options.write, "accuracy", table)


def _samples() -> Iterator[tuple[Path, str]]:
    """The recorded clips whose words are known, with their texts."""
    with (ROOT / "samples/transcripts.tsv").open(encoding="utf-8", newline="") as file:
        for name, text in csv.reader(file, delimiter="\t"):
            yield ROOT / "samples" / name, text


def _held_out() -> Iterator[tuple[Path, str]]:
    """The tests' clips, said by espeak-ng, with their texts."""
    folder = ROOT / "tests/fixtures/held_out"
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            yield folder / row["file"], row["text"]


def _as_recorded(sound: Floats, path: Path) -> None:
    write_media(path, sound, Recipe("wav", "pcm_s16le", rate=RATE, channels=1))


def _telephone(sound: Floats, path: Path) -> None:
    narrow = soxr.resample(sound, RATE, TELEPHONE_RATE).astype(np.float32)
    write_media(path, narrow, Recipe("wav", "pcm_mulaw", rate=TELEPHONE_RATE, channels=1))


def _noisy(sound: Floats, path: Path) -> None:
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-NOISE_BELOW_SPEECH / 20)
    noise = np.random.default_rng(len(sound)).standard_normal(len(sound)) * level
    _as_recorded((sound + noise).astype(np.float32), path)


# How the samples are changed; None is the other speech, unchanged.
SETS: dict[str, Callable[[Floats, Path], None] | None] = {
    "samples/": _as_recorded,
    "samples/, 8 kHz mu-law": _telephone,
    f"samples/, white noise {NOISE_BELOW_SPEECH:.0f} dB below": _noisy,
    "words in random order, synthetic": None,
}


def _wrong(
    clips: list[tuple[Path, str]], change: Callable[[Floats, Path], None], model: str
) -> int:
    """How many words of the clips the command gets wrong with a model, in one run."""
    with tempfile.TemporaryDirectory(prefix="parakeet-accuracy-") as scratch:
        sounds, texts = Path(scratch, "in"), Path(scratch, "out")
        sounds.mkdir()
        for number, (path, _) in enumerate(clips):
            change(decode_audio(str(path), sampling_rate=RATE), sounds / f"{number}.wav")
        command = [sys.executable, "-m", "parakeet_cli", "transcribe", str(sounds), "--quiet"]
        command += ["--engine", "whisper", "--model", model, "-f", "json", "-o", str(texts)]
        subprocess.run(command, check=True, cwd=ROOT)
        found = [
            json.loads((texts / f"{number}.json").read_bytes())["text"]
            for number in range(len(clips))
        ]
    return sum(
        errors(spoken(text), spoken(transcribed))
        for (_, text), transcribed in zip(clips, found, strict=True)
    )


def _table(rows: list[tuple[str, int, dict[str, int]]]) -> str:
    models = list(EMBEDDED)
    lines = [
        f"| speech | words | {' | '.join(f'wrong, {model}' for model in models)} |",
        "|---|---|" + "---|" * len(models),
    ]
    for name, words, wrong in rows:
        shares = (f"{wrong[model]} ({100 * wrong[model] / words:.1f} %)" for model in models)
        lines.append(f"| {name} | {words} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
