"""Measures what words to expect do to a Parakeet: recall, false insertions and time.

    python bench/vocabulary.py [MODEL ...] [--words FILE] [--minutes N] [--write docs/benchmarks.md]

A MODEL is a folder with a Parakeet in ONNX; by default the small ones of the tests. espeak-ng says
the listed terms, each three times among other words, and then other words alone, by voices that
the small Parakeets weren't trained on. The other words are those of --words, a line each, or the 30
that the tests' models know. The weights in engines/nemo/worker/terms/ were chosen with
--development: on other terms, other voices and other sentences.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import machine, write_table
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parakeet_cli.engines.onnx.folder import open_folder  # noqa: E402
from parakeet_cli.engines.onnx.model import OnnxModel  # noqa: E402
from parakeet_cli.engines.parakeet_tokens import tokens_to_segments  # noqa: E402
from parakeet_cli.vocabulary.spelling import Speller  # noqa: E402
from tools.small_parakeet import speech  # noqa: E402

Floats = NDArray[np.float32]

SMALL = ROOT / "tests" / "fixtures" / "models"
MODELS = [SMALL / "small-parakeet-tdt-onnx", SMALL / "small-parakeet-ctc-onnx"]
TERMS = (
    "Abernathy Lavinia Rochester Tennessee Kilimanjaro Montezuma Alexandria Birmingham "
    "Constantine Desdemona Evangeline Galveston Hathersage Indianapolis Jefferson Liverpool "
    "Manchester Napoleon Orlando Philadelphia Richmond Savannah Timbuktu Ulysses Vanderbilt "
    "Waterloo Yosemite Amsterdam Benedict Clementine Delaware Edinburgh Florentine Grafana "
    "Prometheus Cassandra Terraform Tarragona Ravenna Ljubljana"
)
DEVELOPMENT = (
    "Winterbourne Forester Silverlake Coppermine Lemonade Tamarind Gallagher Montague Kubernetes "
    "Pandora Zanzibar Melbourne Ottawa Casablanca Valparaiso Hendrickson Ferdinand Isolde "
    "Marguerite Barnaby Petronella Caledonia Minnesota Dashwood Wellington Bartholomew Rosalind "
    "Octavia Solomon Nightingale Tobermory Penelope Sullivan Bergamot Cardamom Saffron Marmalade "
    "Peppermint Cinnamon Ginger"
)
SYLLABLES = "ba ko ri sen to lum da vi gra po ter min as fel hu ni"
MANY = 5000
TIMES_SAID = 3
ROUNDS = 3


@dataclass(frozen=True)
class Clip:
    text: str
    samples: Floats


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="*", default=MODELS)
    parser.add_argument("--words", type=Path, help="the other words, a line each")
    parser.add_argument("--minutes", type=float, default=60, help="of other speech (default 60)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    parser.add_argument(
        "--development", action="store_true", help="with the terms and voices to choose weights on"
    )
    options = parser.parse_args()
    words = options.words.read_text().split() if options.words else list(speech.PHRASES)
    held_out = speech.voices(1)[1]
    half = len(held_out) // 2
    if options.development:
        listed, voices, seed = DEVELOPMENT, held_out[:half], "development"
    else:
        listed, voices, seed = TERMS, held_out[half:], "vocabulary"
    chance = random.Random(seed)
    terms = [term for term in listed.split() if term.lower() not in words]
    sentences = Sentences(chance, words, voices)
    said = [sentences.clip(term) for term in terms * TIMES_SAID]
    other = list(sentences.without_terms(options.minutes))
    many = terms + [invented(chance) for _ in range(MANY - len(terms))]
    rows = [row(model, terms, many, said, other) for model in options.models]
    table = (
        f"Machine: {machine()}. {len(said)} times one of {len(terms)} terms was said, and "
        f"{sum(len(clip.samples) for clip in other) / speech.RATE / 60:.0f} minutes of other\n"
        f"words, {len(words)} of them. CPU time is that of recognition, the median of {ROUNDS}.\n\n"
        "| model | terms recognised without | with a vocabulary | false insertions "
        f"| with {MANY:,} terms: recognised | false insertions | CPU time | to load them |\n"
        "|---|---|---|---|---|---|---|---|\n" + "".join(rows)
    )
    print(table)
    if options.write:
        write_table(options.write, "vocabulary", table)


@dataclass(frozen=True)
class Sentences:
    """Says a few words at random."""

    chance: random.Random
    words: Sequence[str]
    voices: Sequence[str]

    def clip(self, term: str = "") -> Clip:
        """A sentence with the term among its words, unless that is empty."""
        chance = self.chance
        before, after = (chance.choices(self.words, k=chance.randint(1, 4)) for _ in range(2))
        text = " ".join([*before, *([term] if term else []), *after])
        voice = f"{chance.choice(speech.ACCENTS)}+{chance.choice(self.voices)}"
        spoken = speech.speak(
            speech.Utterance(text, voice, chance.randint(115, 175), chance.randint(35, 65), 1)
        )
        quiet = speech.silence(0.3)
        return Clip(text, np.concatenate([quiet, spoken, quiet]))

    def without_terms(self, minutes: float) -> Iterator[Clip]:
        seconds = 0.0
        while seconds < 60 * minutes:
            clip = self.clip()
            seconds += len(clip.samples) / speech.RATE
            yield clip


def invented(chance: random.Random) -> str:
    """A name that nobody says: of one or two words."""
    words = ["".join(chance.choices(SYLLABLES.split(), k=chance.randint(2, 5))) for _ in range(2)]
    return " ".join(words[: chance.randint(1, 2)]).title()


def row(
    folder: Path,
    terms: Sequence[str],
    many: Sequence[str],
    said: Sequence[Clip],
    other: Sequence[Clip],
) -> str:
    plain, few = load(folder, ()), load(folder, terms)
    began = time.process_time()
    load(folder, ())
    bare_load = time.process_time() - began
    began = time.process_time()
    lots = load(folder, many)
    loading = time.process_time() - began - bare_load
    timed = {name: [] for name in ("plain", "lots")}
    for _ in range(ROUNDS):
        for name, model in (("plain", plain), ("lots", lots)):
            began = time.process_time()
            for clip in said:
                model.transcribe(clip.samples)
            timed[name].append(time.process_time() - began)
    more = sorted(timed["lots"])[ROUNDS // 2] / sorted(timed["plain"])[ROUNDS // 2] - 1
    without = recall(plain, terms, said)
    found = [recall(model, terms, said) for model in (few, lots)]
    plain_texts = texts_of(plain, other)
    wrong = [
        insertions(plain_texts, texts_of(model, other), expected)
        for model, expected in ((few, terms), (lots, many))
    ]
    return (
        f"| {folder.name} | {without:.0%} | {found[0]:.0%} | {wrong[0]} "
        f"| {found[1]:.0%} | {wrong[1]} | {more:+.1%} | {loading:.2f} s |\n"
    )


def load(folder: Path, terms: Sequence[str]) -> OnnxModel:
    model = open_folder(folder, folder.name)
    with model.for_engine() as place:
        return OnnxModel(model, place, threads=1, gpu=None, terms=terms)


def recall(model: OnnxModel, terms: Sequence[str], said: Sequence[Clip]) -> float:
    """The share of clips in which the term that was said is recognised, as it is spelled."""
    speller = Speller(terms)
    hits = 0
    for clip, text in zip(said, texts_of(model, said), strict=True):
        (term,) = set(clip.text.split()) & set(terms)
        hits += term in speller.text(text).split()
    return hits / len(said)


def texts_of(model: OnnxModel, clips: Sequence[Clip]) -> list[str]:
    return [
        " ".join(segment.text for segment in tokens_to_segments(model.transcribe(clip.samples)))
        for clip in clips
    ]


def insertions(without: Sequence[str], found: Sequence[str], terms: Sequence[str]) -> int:
    """How many terms are recognised in speech that has none, and weren't without them."""
    speller = Speller(terms)
    count = 0
    for text, before in zip(found, without, strict=True):
        if text != before:
            now, then = (f" {speller.text(one)} " for one in (text, before))
            count += sum(max(0, now.count(f" {term} ") - then.count(f" {term} ")) for term in terms)
    return count


if __name__ == "__main__":
    main()
