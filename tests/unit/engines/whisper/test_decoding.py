from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.engines.whisper.decoding import (
    PreviousText,
    refuse_compute_type,
    temperatures_from,
)
from parakeet_cli.errors import UsageError


def chunk(source: str, *, last: bool = False) -> Chunk:
    return Chunk(np.zeros(16_000, np.float32), (Piece(0.0, 0.0),), source, last=last)


def test_temperatures_rise_to_one_as_openai_whisper_s_do() -> None:
    assert temperatures_from(0.0) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert temperatures_from(0.5) == [0.5, 0.7, 0.9]
    assert temperatures_from(1.0) == [1.0]


def test_without_a_prompt_there_is_none() -> None:
    prompts = PreviousText(Decoding())
    prompts.add(chunk("a"), "Good morning.")
    assert prompts.before("a") is None


def test_the_initial_prompt_comes_before_every_chunk() -> None:
    prompts = PreviousText(Decoding(initial_prompt="Dashwood."))
    prompts.add(chunk("a"), "Good morning.")
    assert [prompts.before("a"), prompts.before("b")] == ["Dashwood.", "Dashwood."]


def test_the_text_before_comes_from_the_same_source_and_ends_with_it() -> None:
    prompts = PreviousText(Decoding(initial_prompt="One.", condition_on_previous_text=True))
    prompts.add(chunk("a"), "Two.")
    prompts.add(chunk("a"), "Three.")
    assert prompts.before("a") == "One. Two. Three."
    assert prompts.before("b") == "One."
    prompts.add(chunk("a", last=True), "Four.")
    assert prompts.before("a") == "One."


def test_a_text_that_repeats_itself_is_not_continued() -> None:
    prompts = PreviousText(Decoding(condition_on_previous_text=True))
    prompts.add(chunk("a"), "Good morning.")
    prompts.add(chunk("a"), "ten of clubs, ten of clubs, ten of clubs")
    assert prompts.before("a") is None


def test_only_the_end_of_a_long_text_is_remembered() -> None:
    prompts = PreviousText(Decoding(condition_on_previous_text=True))
    prompts.add(chunk("a"), " ".join(map(str, range(500))))
    before = prompts.before("a")
    assert before is not None
    assert before.split() == [str(number) for number in range(400, 500)]


def test_a_precision_that_the_processor_lacks_is_refused_and_those_it_has_are_named() -> None:
    pytest.importorskip("ctranslate2")
    refuse_compute_type("default", "cpu", 0)
    refuse_compute_type("int8", "cpu", 0)
    with pytest.raises(UsageError, match="int8_float16") as error:
        refuse_compute_type("int8_float16", "cpu", 0)
    assert "float32" in (error.value.hint or "")
