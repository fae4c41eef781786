from __future__ import annotations

import pytest

from parakeet_cli.config import load_settings
from parakeet_cli.engine_setup import EngineLine, choose_engine, engine_options
from parakeet_cli.engines.base import EngineChoice
from tests.unit.transcribe.scripted import Scripted


class Finder(Scripted):
    """An engine that only knows its device once it is loaded."""

    runs_on = "NVIDIA T4 (cuda:0, float16)"


CHOICE = EngineChoice("scripted", "--engine")


def test_an_engine_whose_device_is_certain_is_announced_at_once_and_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line, engine = EngineLine(CHOICE, ", 2 workers"), Scripted()
    line.made(engine)
    line.loaded(engine)
    assert capsys.readouterr().err == "Engine: scripted none on cpu, 2 workers (--engine).\n"


def test_an_engine_that_finds_its_device_is_announced_when_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line, engine = EngineLine(CHOICE), Finder()
    line.made(engine)
    assert capsys.readouterr().err == ""
    line.loaded(engine)
    line.loaded(engine)
    said = "Engine: scripted none on NVIDIA T4 (cuda:0, float16) (--engine).\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(("engine", "says"), [("mock", True), ("onnx", False)])
def test_an_engine_that_only_spells_the_words_to_expect_says_so(engine: str, says: bool) -> None:
    settings = load_settings({"engine": engine, "hotwords": "Zoë, PyTorch"})
    note = choose_engine(settings).note or ""
    assert ("only writes the words to expect" in note) == says
    assert choose_engine(load_settings({"engine": engine})).note is None
    assert engine_options(settings).terms == ("Zoë", "PyTorch")
