"""Tests the line that leads from the embedded model to Parakeet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.doctor.terminal import Terminal
from tests.integration.transcribe.command import CLIP, COMMAND, environment, transcribe

ADVICE = "parakeet models pull v3-int8"


def on_a_terminal(folder: Path, *options: str) -> str:
    env = environment(folder, {"HF_HUB_CACHE": str(folder / "hub"), "CUDA_VISIBLE_DEVICES": ""})
    terminal = Terminal([COMMAND, "transcribe", str(CLIP), *options], env, columns=120)
    assert terminal.end() == 0, terminal.written
    assert "young man" in terminal.written
    return terminal.written


def test_on_a_terminal_one_line_says_how_to_get_to_parakeet(tmp_path: Path) -> None:
    assert on_a_terminal(tmp_path).count(ADVICE) == 1


@pytest.mark.parametrize("options", [("-q",), ("--engine", "whisper"), ("--model", "tiny.en")])
def test_a_choice_or_quiet_needs_no_advice(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert ADVICE not in on_a_terminal(tmp_path, *options)


def test_off_a_terminal_nothing_is_advised(tmp_path: Path) -> None:
    env = {"HF_HUB_CACHE": str(tmp_path / "hub"), "CUDA_VISIBLE_DEVICES": ""}
    done = transcribe(tmp_path, CLIP, engine={}, env=env)
    assert done.code == 0
    assert ADVICE not in done.err
