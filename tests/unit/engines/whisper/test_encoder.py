"""What Whisper decodes in circles is decoded at other temperatures before it is only doubted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("faster_whisper")

from parakeet_cli.engines.whisper.encoder import warmer

CIRCLE = "and show it the " + "b" * 30


@dataclass(frozen=True)
class Options:
    temperatures: list[float]
    compression_ratio_threshold: float = 2.4
    log_prob_threshold: float = -1.0


class Texts:
    """A tokenizer whose tokens are texts."""

    def decode(self, tokens: list[str]) -> str:
        return " ".join(tokens)


def decoded(text: str, temperature: float, log_probability: float = -0.3) -> Any:
    return SimpleNamespace(sequences_ids=[[text]]), log_probability, temperature, 1.2


def scripted(texts: dict[float, Any]) -> tuple[Callable[..., Any], list[float]]:
    """A decoder with a result for each temperature, and the temperatures it was asked for."""
    asked: list[float] = []

    def decode(_encoded: Any, _prompt: Any, _tokenizer: Any, options: Options) -> Any:
        (temperature,) = options.temperatures
        asked.append(temperature)
        return texts[temperature]

    return decode, asked


def test_the_temperatures_that_are_left_are_tried_until_one_has_a_better_text() -> None:
    results = {
        0.4: decoded(CIRCLE, 0.4),
        0.6: decoded("", 0.6),
        0.8: decoded("and show it the door", 0.8),
    }
    decode, asked = scripted(results)
    options: Any = Options([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    texts: Any = Texts()
    no_encoding: Any = None
    found = warmer(decode, decoded(CIRCLE, 0.2), no_encoding, [], texts, options)
    assert found is results[0.8]
    assert asked == [0.4, 0.6, 0.8]


def test_a_text_that_is_a_guess_is_not_better() -> None:
    first = decoded(CIRCLE, 0.0)
    decode, asked = scripted({1.0: decoded("and show it the door", 1.0, -1.5)})
    options: Any = Options([0.0, 1.0])
    texts: Any = Texts()
    no_encoding: Any = None
    assert warmer(decode, first, no_encoding, [], texts, options) is first
    assert asked == [1.0]
