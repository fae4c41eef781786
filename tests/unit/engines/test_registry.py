from __future__ import annotations

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.registry import ENGINES, choose, engine_help, engine_names
from parakeet_cli.errors import UsageError


def test_auto_comes_first_and_every_engine_can_be_named() -> None:
    assert engine_names() == ("auto", *ENGINES)
    assert {"whisper", "mock", "nemo", "onnx"} <= set(ENGINES)


def test_every_engine_has_a_line_of_help() -> None:
    assert tuple(engine_help()) == engine_names()
    assert all(engine_help().values())


def test_auto_gives_its_choice_and_the_reason() -> None:
    choice = choose("auto", "default", EngineOptions())
    assert choice.name in ENGINES
    assert choice.reason.startswith("auto: ")


@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_asked_for_by_name_is_that_one(name: str) -> None:
    choice = choose(name, "--engine", EngineOptions())
    assert (choice.name, choice.reason) == (name, "--engine")


def test_an_unknown_engine_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'nonsense'") as refused:
        choose("nonsense", "PARAKEET_ENGINE", EngineOptions())
    assert "PARAKEET_ENGINE" in str(refused.value)
    assert all(name in (refused.value.hint or "") for name in engine_names())
