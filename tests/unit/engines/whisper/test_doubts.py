from __future__ import annotations

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.whisper.doubts import (
    ForeignSpeech,
    foreign_language,
    mean_certainty,
    multilingual_doubts,
)
from parakeet_cli.engines.whisper.language import Probabilities
from parakeet_cli.transcript import Segment, Word


@pytest.mark.parametrize(
    ("found", "certainty", "language"),
    [
        ({"en": 0.99, "fr": 0.01}, 0.2, None),
        ({"en": 0.01, "fr": 0.98}, 0.6, "fr"),
        ({"en": 0.01, "fr": 0.98}, None, "fr"),
        # Decided for English in doubt: how sure the text is makes the difference.
        ({"en": 0.12, "de": 0.3, "cy": 0.35}, 0.45, "cy"),
        ({"en": 0.12, "de": 0.3, "cy": 0.35}, 0.55, None),
        ({"en": 0.3, "la": 0.5}, 0.3, None),
    ],
)
def test_the_language_that_was_probably_spoken_instead_of_english(
    found: Probabilities, certainty: float | None, language: str | None
) -> None:
    assert foreign_language(found, certainty) == language


def test_certainty_is_the_mean_of_the_words_else_of_the_segments() -> None:
    words = (Word(0, 1, "a", 0.5), Word(1, 2, "b", 0.9), Word(2, 3, "c"))
    assert mean_certainty([Segment(0, 3, "a b c", words, 0.1)]) == pytest.approx(0.7)
    assert mean_certainty([Segment(0, 3, "a b c", (), 0.1)]) == pytest.approx(0.1)
    assert mean_certainty([]) is None


@pytest.mark.parametrize(
    ("text", "found", "doubted"),
    [
        ("I'm going to kill you, I'm going to kill you.", {"en": 0.01, "de": 0.98}, True),
        ("I'm going to kill you, I'm going to kill you.", {"en": 0.99}, False),
        # Decided for English in doubt, of which the text's certainty could make the difference.
        ("I'm going to kill you, I'm going to kill you.", {"en": 0.13, "la": 0.4}, True),
        # Where it's sure, nobody asks for the language.
        ("I'm going to see you.", {"en": 0.01, "de": 0.98}, False),
    ],
)
def test_the_model_s_certainty_is_not_believed_of_a_text_that_repeats_itself(
    monkeypatch: pytest.MonkeyPatch, text: str, found: Probabilities, doubted: bool
) -> None:
    foreign = ForeignSpeech("tiny.en", threads=1)
    monkeypatch.setattr(foreign, "_probabilities", lambda _: found)
    words = tuple(Word(at, at + 1, word, 0.95) for at, word in enumerate(text.split()))
    chunk = Chunk(np.zeros(160_000, np.float32), (Piece(0.0, 0.0),))
    doubts = foreign.doubts(chunk, [Segment(0.0, 10.0, text, words)])
    assert [doubt.kind for doubt in doubts] == ["language"] * doubted


def test_a_multilingual_model_is_not_believed_of_a_text_that_repeats_itself() -> None:
    chunk = Chunk(np.zeros(160_000, np.float32), (Piece(0.0, 0.0),))
    for text, kinds in (("I see, I see.", ["language"]), ("I see a house.", [])):
        words = tuple(Word(at, at + 1, word, 0.95) for at, word in enumerate(text.split()))
        said = [Segment(0.0, 10.0, text, words)]
        doubts = multilingual_doubts(chunk, {"en": 0.13, "la": 0.4}, said)
        assert [doubt.kind for doubt in doubts] == kinds
