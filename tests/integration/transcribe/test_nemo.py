"""The engine nemo on the real stack: its transcripts, in batches and live."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parakeet_cli.engines.base import StreamingEngine
from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import environment, transcribe
from tests.integration.transcribe.nemo_clips import (
    TDT,
    clips,
    joined,
)
from tests.integration.transcribe.nemo_engine import (
    LIMIT,
    settings,
    texts,
    words_of,
    write,
)
from tests.integration.transcribe.words import errors
from tests.media_files import Floats
from tests.stacks import Stacks, pip

pytestmark = pytest.mark.slow


def test_voices_that_the_model_was_not_trained_on_are_transcribed(engine: Nemo) -> None:
    held_out = clips()
    with ThreadPoolExecutor(4) as threads:  # as the pipeline does it: batches
        words = list(threads.map(lambda clip: words_of(engine, clip.sound()), held_out))
    wrong = sum(
        errors(clip.reference, texts(found)) for clip, found in zip(held_out, words, strict=True)
    )
    assert wrong / sum(len(clip.reference) for clip in held_out) < 0.03
    for clip, found in zip(held_out, words, strict=True):
        length = len(clip.sound()) / 16_000
        assert all(0 <= word.start < word.end <= length for word in found)
        assert all(word.confidence is not None for word in found)


def test_a_batch_gives_what_each_clip_alone_does(engine: Nemo) -> None:
    sounds = [clip.sound() for clip in clips()[:8]]
    alone = [words_of(engine, sound) for sound in sounds]
    begin = threading.Barrier(len(sounds))

    def at_once(sound: Floats) -> list[Word]:
        begin.wait()
        return words_of(engine, sound)

    with ThreadPoolExecutor(len(sounds)) as threads:
        together = list(threads.map(at_once, sounds))
    for one, other in zip(alone, together, strict=True):
        assert texts(one) == texts(other)
        for a, b in zip(one, other, strict=True):
            assert a.start == pytest.approx(b.start, abs=0.081)
            assert a.confidence == pytest.approx(b.confidence, abs=0.02)


def test_live_speech_is_shown_as_it_is_spoken(engine: Nemo) -> None:
    sound, _ = joined(clips(), 25)
    assert isinstance(engine, StreamingEngine)
    listener = engine.open_stream()
    shown = [listener.accept(sound[at : at + 16_000]) for at in range(0, len(sound), 16_000)]
    listener.close()
    final = texts(words_of(engine, sound))
    assert errors(final, shown[-1].split()) <= 0.05 * len(final)
    grown = [len(text.split()) for text in shown]
    assert grown[len(grown) // 2] >= 0.35 * len(final)  # and not all of it at the end


def test_two_utterances_at_once_are_two(engine: Nemo) -> None:
    first, second = (clip.sound() for clip in clips()[:2])
    listeners = [engine.open_stream(), engine.open_stream()]
    shown = ["", ""]
    for at in range(0, max(len(first), len(second)), 8_000):
        for which, sound in enumerate((first, second)):
            if len(sound[at : at + 8_000]):
                shown[which] = listeners[which].accept(sound[at : at + 8_000])
    assert shown[0].split() == texts(words_of(engine, first))
    assert shown[1].split() == texts(words_of(engine, second))


def test_nothing_of_nemo_s_own_is_seen(python: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", clips()[0].sound())
    done = transcribe(tmp_path, "a.wav", engine=settings(python), limit=LIMIT)
    assert done.code == 0, done.err
    assert done.out.decode().split() == list(clips()[0].reference)
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["Engine"]


def test_a_gpu_that_torch_does_not_see_is_refused(python: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", clips()[0].sound())
    hidden = {**settings(python), "CUDA_VISIBLE_DEVICES": ""}
    done = transcribe(tmp_path, "a.wav", "--device", "cuda:7", engine=hidden, limit=LIMIT)
    assert (done.code, done.out) == (3, b""), done.err
    assert "cuda:7" in done.err
    assert "parakeet doctor" in done.err


def test_the_tool_works_inside_the_stack_s_own_environment(
    stacks: Stacks, stack: str, tmp_path: Path
) -> None:
    home = stacks(stack).linked(tmp_path / "env")
    pip(home.python, "install", "-q", str(Path(__file__).parents[3]))
    write(tmp_path / "a.wav", clips()[0].sound())
    done = subprocess.run(
        [home.python, "-m", "parakeet_cli", "transcribe", "a.wav", "--engine", "nemo",
         "--model", TDT, "--device", "cpu"],
        cwd=tmp_path, capture_output=True, check=False, env=environment(tmp_path), timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == list(clips()[0].reference)
