"""A given text's words are found by the models' own probabilities, where noise hides them."""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.api import transcribe as transcribe_by_api
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.transcript import Word
from tests.held_out import Spoken, held_out, small_parakeet
from tests.integration.transcribe.command import transcribe
from tests.media_files import Floats
from tests.stacks import Stacks

HEADS = ("tdt", "ctc")
NOISE = 0.3  # of the speech's power: the models misrecognise a word in ten
Times = dict[int, Word]


def in_noise(samples: Floats, seed: int) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    level = np.sqrt(NOISE * np.mean(samples.astype(np.float64) ** 2))
    return np.asarray(samples + level * noise, np.float32)


def made(name: str, model: Path, text: Sequence[str], python: str | None = None) -> Engine:
    options = EngineOptions(model=str(model), ml_python=python, text=tuple(text), device="cpu")
    engine = make_engine(name, options, concurrency=1)
    engine.load()
    return engine


def words_of(engine: Engine, sound: Floats) -> list[Word]:
    result = engine.transcribe(Chunk(sound, (Piece(0.0, 0.0),), "", last=True))
    return [word for segment in result.segments for word in segment.words]


def right_ones(found: Sequence[Word], said: Sequence[str]) -> Times:
    """The words that were recognised as they were said, by their numbers."""
    matcher = SequenceMatcher(None, [word.text for word in found], said, autojunk=False)
    return {
        block.b + step: found[block.a + step]
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    }


def compared(model: Path, clips: Sequence[Spoken]) -> tuple[int, list[float]]:
    """How many words were recognised in noise, and how far off are those that only the text found.

    The clips are one text. Times are compared with those in the clips without noise.
    """
    plain = made("onnx", model, ())
    given = made("onnx", model, [word for clip in clips for word in clip.words])
    recognised, distances = 0, []
    for seed, clip in enumerate(clips):
        noisy = in_noise(clip.samples, seed)
        before = right_ones(words_of(plain, noisy), clip.words)
        after = right_ones(words_of(given, noisy), clip.words)
        clean = right_ones(words_of(plain, clip.samples), clip.words)
        recognised += len(before)
        found = (after.keys() & clean.keys()) - before.keys()
        distances += [abs(after[at].start - clean[at].start) for at in found]
    return recognised, distances


@pytest.mark.parametrize("head", HEADS)
def test_words_that_noise_hides_are_found_where_they_are_said(head: str) -> None:
    clips = held_out()
    recognised, distances = compared(small_parakeet(f"small-parakeet-{head}-onnx"), clips)
    said = sum(len(clip.words) for clip in clips)
    assert recognised < 0.93 * said
    assert len(distances) > 0.3 * (said - recognised)
    assert np.mean([one < 0.1 for one in distances]) >= 0.8


@pytest.mark.parametrize("head", HEADS)
def test_words_that_nobody_says_are_not_found_and_what_is_said_stays(head: str) -> None:
    model = small_parakeet(f"small-parakeet-{head}-onnx")
    # Of the text's 30 words, three or four in a row could be anywhere in it.
    clips = [clip for clip in held_out()[:12] if len(clip.words) >= 5]
    plain = made("onnx", model, ())
    for other in ("garden", "seven"):
        texts = [[*clip.words[:2], other, *clip.words[3:]] for clip in clips]
        given = made("onnx", model, [word for text in texts for word in text])
        for clip in clips:
            if other not in clip.words:
                found, recognised = (words_of(one, clip.samples) for one in (given, plain))
                assert [word.text for word in found] == [word.text for word in recognised]


@pytest.mark.parametrize("head", HEADS)
def test_a_text_is_put_on_the_clock_of_noise_by_the_command_and_by_the_api(
    tmp_path: Path, head: str
) -> None:
    model = small_parakeet(f"small-parakeet-{head}-onnx")
    clips = held_out()[:12]
    parts = [part for clip in clips for part in (clip.samples, np.zeros(8000, np.float32))]
    sound = in_noise(np.concatenate(parts), 5)
    with wave.open(str(tmp_path / "clip.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound / np.abs(sound).max() * 32000).astype("<i2").tobytes())
    lines = [" ".join(clip.words).capitalize() + "." for clip in clips]
    lines[2] = lines[2].removesuffix(".") + " Kubernetes."
    (tmp_path / "text.txt").write_text("\n".join(lines))
    options = ("--engine", "onnx", "--model", model, "--device", "cpu", "--no-vad")
    done = transcribe(
        tmp_path, "clip.wav", *options, "--align", "text.txt", "-f", "json", engine={}
    )
    assert done.code == 0, done.err
    aligned = json.loads((tmp_path / "clip.json").read_text())["alignment"]
    assert "Kubernetes." in [one["word"] for one in aligned["missing"]]
    plain = transcribe(tmp_path, "clip.wav", *options, "-f", "txt", engine={})
    recognised = plain.out.decode() or (tmp_path / "clip.txt").read_text()
    said = [word for clip in clips for word in clip.words]
    matcher = SequenceMatcher(None, recognised.split(), said, autojunk=False)
    assert aligned["exact"] > 5 + sum(block.size for block in matcher.get_matching_blocks())
    again = transcribe_by_api(
        tmp_path / "clip.wav", engine="onnx", model=str(model), device="cpu", vad=False,
        align=str(tmp_path / "text.txt"),
    )  # fmt: skip
    assert again.alignment is not None
    assert again.alignment.exact == aligned["exact"]


@pytest.mark.slow
@pytest.mark.parametrize(("head", "stack"), [("tdt", "verified"), ("ctc", "verified-3")])
def test_nemo_finds_them_as_onnx_does(stacks: Stacks, head: str, stack: str) -> None:
    clips = held_out()
    text = [word for clip in clips for word in clip.words]
    noisy = [in_noise(clip.samples, seed) for seed, clip in enumerate(clips)]
    python = str(stacks(stack).python)
    nemo = made("nemo", small_parakeet(f"small-parakeet-{head}.nemo"), text, python)
    try:
        by_nemo = [words_of(nemo, sound) for sound in noisy]
    finally:
        nemo.close()
    onnx = made("onnx", small_parakeet(f"small-parakeet-{head}-onnx"), text)
    plain = made("onnx", small_parakeet(f"small-parakeet-{head}-onnx"), ())
    by_onnx, without = ([words_of(one, sound) for sound in noisy] for one in (onnx, plain))
    same = [a == b for a, b in zip(map(places, by_nemo), map(places, by_onnx), strict=True)]
    changed = [a != b for a, b in zip(map(places, by_nemo), map(places, without), strict=True)]
    assert np.mean(same) >= 0.8
    assert sum(a and b for a, b in zip(same, changed, strict=True)) >= 3


def places(words: Sequence[Word]) -> list[tuple[str, float]]:
    return [(word.text, round(word.start, 2)) for word in words]
