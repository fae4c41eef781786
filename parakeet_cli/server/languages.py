"""Which languages the loaded model knows, and what becomes of the one that a client names."""

from __future__ import annotations

import re

from parakeet_cli.engines.registry import ENGINES
from parakeet_cli.engines.shared.request import EngineProperties

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})([-_][A-Za-z0-9]{2,8})*")


def read_language(text: str) -> str:
    """The code in a language's tag: `en` of `en-GB`. Raises ValueError for what is none."""
    match = _LANGUAGE.fullmatch(text)
    if match is None:
        raise ValueError("must be a language's code, such as en")
    return match[1].lower()


def settle_language(properties: EngineProperties, asked: str | None) -> tuple[str | None, bool]:
    """The language that the engine is told, and whether the one asked for was left out.

    A model that detects its languages can't be told one. Clients such as Home Assistant always
    name one: if the model knows it, it is left to the model. One that the model doesn't know is
    passed on, for the engine to refuse with its reason.
    """
    if asked is None or ENGINES[properties.info.name].told_language:
        return asked, False
    several = len(properties.languages) > 1
    return (None, True) if several and asked in properties.languages else (asked, False)


def languages_of(properties: EngineProperties, only: str | None) -> list[str]:
    """The languages to announce; `only` is the one that the engine was started with."""
    if only is not None:
        return [only]
    return list(properties.languages) or ["en"]
