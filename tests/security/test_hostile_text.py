"""Names and values of others reach a terminal without anything that it obeys."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import pytest

from parakeet_cli.cli.app import app

# A window's title, a colour, the same in one byte, a redrawn line, a text turned round, and half
# a character. A file's name may have all of them.
HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\rx\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}\udc9b"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a recording, a model and a configuration under hostile names."""
    with wave.open(os.fspath(tmp_path / f"{HOSTILE}.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    (tmp_path / f"{HOSTILE}.nemo").write_bytes(b"no model")
    (tmp_path / f"{HOSTILE}.txt").write_text("ImportError: \x1b[31mx", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model": HOSTILE}), encoding="utf-8")
    (tmp_path / "broken.json").write_text(json.dumps({HOSTILE: 1}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARAKEET_CONFIG", os.fspath(tmp_path / "none.json"))
    return tmp_path


COMMANDS = {
    "an unknown command": [HOSTILE],
    "an unknown option": ["transcribe", f"--{HOSTILE}"],
    "an option's value": ["transcribe", "a.wav", "--workers", HOSTILE],
    "a missing recording": ["transcribe", f"missing{HOSTILE}.wav"],
    "a recording": ["transcribe", f"{HOSTILE}.wav", "--engine", "mock", "--verbose"],
    "a recording that can't be planned": ["transcribe", f"{HOSTILE}.txt", "--debug"],
    "a dry run": ["transcribe", f"{HOSTILE}.wav", "--engine", "mock", "--dry-run"],
    "an unknown model": ["models", "path", HOSTILE],
    "a scanned model": ["models", "scan", f"{HOSTILE}.nemo"],
    "a configuration's path": ["config", "path", "--config", HOSTILE],
    "a configuration's value": ["config", "show", "--config", "config.json"],
    "a configuration's key": ["config", "show", "--config", "broken.json"],
    "a pasted text": ["doctor", "match", f"{HOSTILE}.txt"],
    "a pasted argument": ["doctor", "match", f"ImportError: {HOSTILE} "],
    "a Python": ["doctor", "--python", HOSTILE],
    "a package": ["doctor", "why", HOSTILE, "--python", HOSTILE],
    "a kept environment": ["setup", "--remove", HOSTILE],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.usefixtures("folder")
def test_no_command_shows_a_terminal_what_it_would_obey(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    app(words, standalone_mode=False, prog_name="parakeet")
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert shown
    assert shown.replace("\n", "").replace("\t", "").isprintable()
