"""What Whisper transcribes in circles is transcribed in shorter parts before it is only doubted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.whisper.engine import Whisper
from parakeet_cli.engines.whisper.model import find_whisper
from parakeet_cli.errors import EngineUnavailable

CIRCLE = "and show it the " + "b" * 30


class Model:
    """A model that says what a function makes of the seconds it is given."""

    def __init__(self, text: Callable[[float], str]) -> None:
        self.text = text
        self.seconds: list[float] = []
        self.model = SimpleNamespace(is_multilingual=False)

    def transcribe(self, samples: Samples, **_: Any) -> tuple[Iterator[Any], None]:
        seconds = len(samples) / SAMPLE_RATE
        self.seconds.append(seconds)
        words = self.text(seconds).split()
        length = seconds / max(1, len(words))
        timed = [
            SimpleNamespace(start=at * length, end=(at + 1) * length, word=word, probability=0.9)
            for at, word in enumerate(words)
        ]
        text = " ".join(words)
        segment = SimpleNamespace(start=0.0, end=seconds, text=text, words=timed, avg_logprob=-0.2)
        return iter([segment]), None


def transcribed(model: Model, seconds: float) -> list[tuple[float, float, str]]:
    try:
        find_whisper("tiny.en").prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    engine = Whisper(EngineOptions(model="tiny.en", device="cpu", language="en"), concurrency=1)
    engine._model = model  # type: ignore[assignment]
    noise = np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE))
    noise[len(noise) // 2 - 2000 : len(noise) // 2 + 2000] = 0
    chunk = Chunk(noise.astype(np.float32) * 0.1, (Piece(0.0, 100.0),))
    return [(one.start, one.end, one.text) for one in engine.transcribe(chunk).segments]


def test_what_runs_in_a_circle_as_a_whole_is_transcribed_in_two_parts() -> None:
    model = Model(lambda seconds: CIRCLE if seconds > 20 else f"{seconds:.0f} seconds of speech")
    first, second = transcribed(model, 30.0)
    assert (first[2], second[2]) == ("15 seconds of speech",) * 2
    assert first[0] == 100.0
    assert first[1] == pytest.approx(115.0, abs=0.15)  # where it is quiet
    assert second[0] == pytest.approx(first[1])
    assert second[1] == pytest.approx(130.0)
    assert [round(one) for one in model.seconds] == [30, 15, 15]


def test_what_runs_in_a_circle_in_every_part_is_left_as_it_was_after_few_tries() -> None:
    model = Model(lambda _: CIRCLE)
    assert [text for *_, text in transcribed(model, 30.0)] == [CIRCLE]
    assert len(model.seconds) == 7


def test_ordinary_text_is_transcribed_once() -> None:
    model = Model(lambda _: "ordinary text")
    assert [text for *_, text in transcribed(model, 30.0)] == ["ordinary text"]
    assert len(model.seconds) == 1
