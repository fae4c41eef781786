from __future__ import annotations

import pytest

from parakeet_cli.engine_setup import EngineLine
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
