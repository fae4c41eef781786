"""Reads the value of one setting, from JSON or from text, or says what it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.vocabulary.terms import check_entries, split_hotwords

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if not value:
        raise ValueError("must be a string that isn't empty")
    return value


def whole(value: Any, least: int = 1) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"must be a whole number of at least {least}")
    return value


def prompt(value: Any) -> str | None:
    """A text; an empty one is none."""
    return text(value) if value != "" else None


def within(value: Any, least: float, most: float) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"must be a number from {least:g} to {most:g}")
    return float(value)


def one_of(value: Any, names: Sequence[str]) -> str:
    if value not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return str(value)


def speakers(value: Any) -> str:
    """`auto`, or how many there are: `3` or `2-5`."""
    SpeakerCount.parse(value)
    return str(value)


def switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("must be true or false")


def language(value: Any) -> str:
    return text(value).lower()


def device(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError("must be auto, cpu, cuda or cuda:N")
    return value


def days(value: Any) -> int:
    return whole(value, least=0)


def replacements(value: Any) -> Mapping[str, str]:
    if not all(key.strip() and isinstance(text, str) for key, text in value.items()):
        raise ValueError('must be like {"said": "written"}')
    return dict(value)


def words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(word, str) and word.strip() for word in value
    ):
        raise ValueError('must be a list of words, ["like", "these"]')
    return check_entries(value)


def hotwords(value: Any) -> str:
    """Terms with commas between them, as one text."""
    if isinstance(value, str):
        split_hotwords(value)
    return text(value)


def number(value: Any, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    if value < least:
        raise ValueError(f"must be a number of at least {least:g}")
    return float(value)
