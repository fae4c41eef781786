"""A small real Parakeet on voices it wasn't trained on: accuracy, long recordings, both engines."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcript import Segment, Word
from tests.held_out import FRAME, Spoken, held_out, joined, small_parakeet
from tests.integration.transcribe.command import transcribe
from tests.integration.transcribe.test_memory import peak_of
from tests.integration.transcribe.test_memory import transcribe as command_for
from tests.integration.transcribe.words import errors
from tests.media_files import Floats
from tests.stacks import Stacks

WER = 0.03
FRAME_SECONDS = FRAME / 16_000
HALF_OVERLAP = 24_064  # samples on each side of a forced cut, as audio/segment/chunker.py has them


@pytest.fixture(scope="module")
def onnx() -> Iterator[Engine]:
    yield from loaded("onnx", small_parakeet("small-parakeet-tdt-onnx"))


def loaded(name: str, model: Path, python: str | None = None) -> Iterator[Engine]:
    made = make_engine(name, EngineOptions(model=str(model), ml_python=python), concurrency=1)
    made.load()
    yield made
    made.close()


def words_of(engine: Engine, samples: Floats) -> list[Word]:
    return all_words(engine.transcribe(Chunk(samples, (Piece(0.0, 0.0),), "", last=True)).segments)


def all_words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.words]


def texts(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def wrong(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, int]:
    return errors(reference, hypothesis), len(reference)


def share_of(counts: Sequence[tuple[int, int]]) -> float:
    return sum(bad for bad, _ in counts) / sum(of for _, of in counts)


def test_held_out_voices_are_understood(onnx: Engine) -> None:
    counts = [wrong(clip.words, texts(words_of(onnx, clip.samples))) for clip in held_out()]
    assert len(counts) >= 30
    assert share_of(counts) < WER


def test_the_command_transcribes_as_the_engine_does(onnx: Engine, tmp_path: Path) -> None:
    for clip in held_out()[:4]:
        write_wav(tmp_path / f"{clip.name}.wav", clip.samples)
    model = small_parakeet("small-parakeet-tdt-onnx")
    asked = ("--engine", "onnx", "--model", model, "--no-vad", "-f", "txt", "-o", "out")
    done = transcribe(tmp_path, *sorted(tmp_path.glob("*.wav")), *asked, engine={}, limit=120)
    assert done.code == 0, done.err
    for clip in held_out()[:4]:
        hypothesis = (tmp_path / f"out/{clip.name}.txt").read_text(encoding="utf-8").split()
        assert errors(texts(words_of(onnx, clip.samples)), hypothesis) <= 1


def write_wav(path: Path, samples: Floats) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes())
    return path


LONG = [
    pytest.param(600, marks=pytest.mark.slow, id="10 minutes"),
    pytest.param(3 * 3600, marks=pytest.mark.soak, id="3 hours"),
]


@pytest.mark.parametrize("seconds", LONG)
def test_a_long_recording_is_transcribed_as_its_clips_are(
    onnx: Engine, tmp_path: Path, seconds: int
) -> None:
    """Through the whole command: cut in silence, transcribed concurrently, joined."""
    sound, reference = joined(seconds)
    write_wav(tmp_path / "long.wav", sound)
    model = str(small_parakeet("small-parakeet-tdt-onnx"))
    asked = ("--engine", "onnx", "--model", model, "-f", "json", "-o", "-")
    done = transcribe(tmp_path, "long.wav", *asked, engine={}, limit=3600)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    words = [word for segment in found["segments"] for word in segment["words"]]
    alone = {clip.name: words_of(onnx, clip.samples) for clip in held_out()}
    by_clip = share_of([wrong(clip.words, texts(alone[clip.name])) for clip in reference])
    whole = share_of(
        [wrong([w for clip in reference for w in clip.words], [w["word"] for w in words])]
    )
    assert whole <= by_clip + 0.005
    off = np.array(list(differences(reference, alone, words)))
    assert len(off) > 0.9 * len(words)
    # The clock of a chunk begins where its sound does: a frame of it is another one's half.
    assert np.quantile(off, 0.99) <= 0.1
    assert off.max() < 0.3


def differences(
    reference: Sequence[Spoken], alone: dict[str, list[Word]], words: list[dict[str, Any]]
) -> Iterator[float]:
    """Seconds between where a word is and where it was in its clip, for words found in both."""
    at, start = 0, 0.0
    for clip in reference:
        length = -(-(len(clip.samples) + round(0.48 * 16_000)) // FRAME) * FRAME_SECONDS
        while at < len(words) and words[at]["start"] < start - 0.3:
            at += 1
        until = at
        while until < len(words) and words[until]["start"] < start + length - 0.2:
            until += 1
        here = words[at:until]
        if [word["word"] for word in here] == texts(alone[clip.name]):
            for word, other in zip(here, alone[clip.name], strict=True):
                yield abs(word["start"] - start - other.start)
        at, start = until, start + length


@pytest.mark.slow
def test_an_hour_needs_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    model = str(small_parakeet("small-parakeet-tdt-onnx"))
    sound, _ = joined(600)
    short = write_wav(tmp_path / "short.wav", sound)
    long = write_wav(tmp_path / "long.wav", np.resize(sound, 3600 * 16_000))

    def peak(file: Path) -> float:
        return peak_of([*command_for(file, "onnx"), "--model", model])

    # The peak is where all chunks in work are at their largest at once, which is chance: the short
    # one has as many goes at it. An hour of sound that was kept would be half as much again.
    assert peak(long) <= 1.25 * max(peak(short) for _ in range(6))


def offsets(length: int, *, every: int) -> list[int]:
    """Each frame of the sound, or a seeded share of them."""
    frames = np.arange(FRAME, length - FRAME, FRAME)
    chosen = np.random.default_rng(20).permutation(frames)[: len(frames) // every]
    return sorted(int(one) for one in chosen)


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(8, marks=pytest.mark.slow, id="an eighth"),
        pytest.param(1, marks=pytest.mark.soak, id="all"),
    ],
)
def test_a_cut_anywhere_loses_and_doubles_no_word(onnx: Engine, every: int) -> None:
    """Forced cuts, without a pause, with the overlap that they have."""
    sound, _ = joined(20, pause=0.16)
    sound = sound[: 20 * 16_000]
    whole = texts(words_of(onnx, sound))
    for offset in offsets(len(sound), every=every):
        found = transcribe_in_two(onnx.transcribe, sound, offset)
        # A word more and another one less would shift all that are between them.
        different = sum(a != b for a, b in zip(found, whole, strict=False))
        assert len(found) == len(whole), (offset, found)
        assert different <= 2, (offset, found)


def transcribe_in_two(transcribe: Callable[[Chunk], Any], sound: Floats, cut: int) -> list[str]:
    first, last = max(0, cut - HALF_OVERLAP), min(len(sound), cut + HALF_OVERLAP)
    before = Chunk(sound[:last], (Piece(0.0, 0.0),), "a")
    start = first / 16_000
    overlap = (last - first) / 16_000
    after = Chunk(sound[first:], (Piece(0.0, start),), "a", overlap=overlap, last=True)
    assembler = Assembler()
    for chunk in (before, after):
        assembler.add(chunk, transcribe(chunk))
    return texts(all_words(assembler.finish()))


@pytest.fixture(scope="module", params=["tdt", "ctc"])
def both(request: pytest.FixtureRequest, stacks: Stacks) -> Iterator[tuple[Engine, Engine]]:
    """The same weights by NeMo, in the real stack, and by ONNX Runtime."""
    head = request.param
    python = str(stacks("verified").python)
    nemo = loaded("nemo", small_parakeet(f"small-parakeet-{head}.nemo"), python)
    onnx = loaded("onnx", small_parakeet(f"small-parakeet-{head}-onnx"))
    yield next(nemo), next(onnx)
    for engine in (nemo, onnx):
        next(engine, None)


@pytest.mark.slow
def test_nemo_and_onnx_return_the_same_words_with_the_same_times(
    both: tuple[Engine, Engine],
) -> None:
    by_nemo, by_onnx = both
    agreed = 0
    clips = held_out()
    for clip in clips:
        first, second = (
            words_of(by_nemo, clip.samples),
            words_of(by_onnx, clip.samples),
        )
        assert errors(texts(first), texts(second)) <= 1, clip.name
        if texts(first) != texts(second):
            continue
        agreed += 1
        for one, other in zip(first, second, strict=True):
            assert abs(one.start - other.start) <= FRAME_SECONDS + 1e-6, (clip.name, one, other)
            assert abs(one.end - other.end) <= FRAME_SECONDS + 1e-6, (clip.name, one, other)
            assert one.confidence is not None
            assert other.confidence == pytest.approx(one.confidence, abs=0.1)
    # Features differ in their last digits: where two pieces are equally likely, so may words.
    assert agreed >= 0.95 * len(clips)


@pytest.mark.slow
def test_nothing_and_hardly_anything_are_the_same_by_both(both: tuple[Engine, Engine]) -> None:
    by_nemo, by_onnx = both
    for length in (0, 160, 1600):
        silence = np.zeros(length, np.float32)
        assert texts(words_of(by_nemo, silence)) == texts(words_of(by_onnx, silence))
