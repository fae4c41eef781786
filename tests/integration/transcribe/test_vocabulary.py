"""Words to expect, with real models: the small Parakeets, and the engines that only spell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.api import transcribe as transcribe_by_api
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.process import FOLDER
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.transcript import Word
from tests.held_out import held_out, small_parakeet
from tests.integration.transcribe.command import transcribe
from tests.media_files import RECIPES, Floats, write_media
from tests.stacks import Stacks

HEADS = ("tdt", "ctc")
NOISE = 1.0  # of the speech's power: enough for the models to be in doubt


def recognised(
    name: str, model: Path, clips: Sequence[Floats], terms: Sequence[str], python: str | None = None
) -> list[list[Word]]:
    options = EngineOptions(model=str(model), ml_python=python, terms=tuple(terms), device="cpu")
    engine = make_engine(name, options, concurrency=1)
    engine.load()
    try:
        results = [
            engine.transcribe(Chunk(clip, (Piece(0.0, 0.0),), "", last=True)) for clip in clips
        ]
    finally:
        engine.close()
    return [[word for part in one.segments for word in part.words] for one in results]


def texts(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def in_noise(samples: Floats, seed: int) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    level = np.sqrt(NOISE * np.mean(samples.astype(np.float64) ** 2))
    return np.asarray(samples + level * noise, np.float32)


@pytest.mark.parametrize("head", HEADS)
def test_terms_that_are_said_in_noise_are_recognised_more_often(head: str) -> None:
    model = small_parakeet(f"small-parakeet-{head}-onnx")
    clips = held_out()
    noisy = [in_noise(clip.samples, seed) for seed, clip in enumerate(clips)]
    expected = [" ".join(clip.words[:3]) for clip in clips]

    def hits(terms: Sequence[str]) -> int:
        found = recognised("onnx", model, noisy, terms)
        return sum(term in texts(words) for term, words in zip(expected, found, strict=True))

    without, with_them = hits(()), hits(expected)
    assert without < len(clips)
    assert with_them > without if head == "ctc" else with_them >= without


@pytest.mark.parametrize("head", HEADS)
def test_terms_that_nobody_says_change_nothing(head: str) -> None:
    model = small_parakeet(f"small-parakeet-{head}-onnx")
    clips = [clip.samples for clip in held_out()]
    terms = ["Evangeline", "Montezuma", "Wisconsin Terrier", "Ottawa"]
    assert recognised("onnx", model, clips, terms) == recognised("onnx", model, clips, ())


def test_a_vocabulary_is_written_as_it_is_spelled_with_its_times(tmp_path: Path) -> None:
    """The engine mock gives the text beside the sound; the API and the command agree."""
    sound = small_clip(tmp_path)
    sound.with_suffix(".txt").write_text("ask py torch, zoe and engine x. So far so good")
    words = tmp_path / "words.txt"
    words.write_text("PyTorch\n# a comment\nengine x => nginx\nSofar\n")
    done = transcribe(
        tmp_path, sound.name, "-f", "json", "--vocabulary", words.name,
        env={"PARAKEET_HOTWORDS": "Zoë => Zoé, ZOE"},
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "only writes the words to expect as they are spelled" in done.err
    made = json.loads((tmp_path / "clip.json").read_text())
    assert made["text"] == "ask PyTorch, ZOE and nginx. So far so good"
    all_words = [word for segment in made["segments"] for word in segment["words"]]
    assert " ".join(word["word"].strip() for word in all_words) == made["text"]
    again = transcribe_by_api(
        sound, engine="mock", vocabulary=["PyTorch", "engine x => nginx"], hotwords="ZOE"
    )
    assert again.text == made["text"]


def small_clip(folder: Path) -> Path:
    return write_media(folder / "clip.wav", held_out()[0].samples, RECIPES["wav"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vocabulary", "missing.txt"], "The vocabulary missing.txt can't be read"),
        (["--hotwords", "a => b => c"], "must be a term"),
    ],
)
def test_a_vocabulary_that_is_none_is_a_usage_error(
    tmp_path: Path, options: list[str], message: str
) -> None:
    done = transcribe(tmp_path, small_clip(tmp_path).name, *options)
    assert done.code == 2
    assert message in done.err


@pytest.mark.slow
def test_nemo_s_loops_get_the_weights_of_the_tree(stacks: Stacks) -> None:
    command = [
        str(stacks("verified").python),
        "-B",
        str(Path(__file__).with_name("nemo_fusion.py")),
    ]
    done = subprocess.run([*command, str(FOLDER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["verified", "verified-3"])
@pytest.mark.parametrize("head", HEADS)
def test_nemo_writes_what_it_is_told_to_expect_and_nothing_that_nobody_says(
    stacks: Stacks, stack: str, head: str
) -> None:
    python = str(stacks(stack).python)
    model = small_parakeet(f"small-parakeet-{head}.nemo")
    clips = held_out()[:6]
    clean = [clip.samples for clip in clips]
    noisy = [in_noise(clip.samples, seed) for seed, clip in enumerate(clips)]
    others = ["Evangeline", "Montezuma", "Wisconsin Terrier", "Ottawa"]
    said = [" ".join(clip.words[:3]) for clip in clips]
    plain = list(map(texts, recognised("nemo", model, [*clean, *noisy], (), python)))
    expecting = list(
        map(texts, recognised("nemo", model, [*clean, *noisy], [*others, *said], python))
    )
    assert expecting[:6] == plain[:6]

    def hits(found: Sequence[str]) -> int:
        return sum(term in text for term, text in zip(said, found[6:], strict=True))

    assert hits(expecting) >= hits(plain)
