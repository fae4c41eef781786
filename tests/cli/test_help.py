from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from parakeet_cli.cli.app import COMMANDS
from tests.cli.running import COMMAND, commands, parakeet, run_python

SNAPSHOTS = Path(__file__).parent / "snapshots"
HEAVY = {"numpy", "av", "soxr", "onnxruntime", "faster_whisper", "ctranslate2", "torch", "nemo"}
HEAVY |= {"huggingface_hub", "pydantic"}

every_command = pytest.mark.parametrize("words", commands(), ids=" ".join)


@every_command
def test_help_says_what_it_said(words: tuple[str, ...]) -> None:
    """Options are a contract. `make snapshots` writes them anew where a change is meant."""
    shown = parakeet(*words, "--help")
    assert shown.returncode == 0, shown.stderr
    snapshot = SNAPSHOTS / f"{'-'.join(('parakeet', *words))}.txt"
    if os.environ.get("PARAKEET_UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(shown.stdout, encoding="utf-8")
    assert shown.stdout == snapshot.read_text(encoding="utf-8")


@every_command
def test_help_fits_into_eighty_columns_and_cuts_no_name(words: tuple[str, ...]) -> None:
    shown = parakeet(*words, "--help").stdout
    assert max(map(len, shown.splitlines())) <= 80
    names = {option for param in commands()[words].params for option in param.opts}
    missing = {name for name in names if name.startswith("-") and name not in shown}
    hidden = {
        option
        for param in commands()[words].params
        if getattr(param, "hidden", False)
        for option in param.opts
    }
    assert not missing - hidden


def test_every_snapshot_belongs_to_a_command() -> None:
    expected = {f"{'-'.join(('parakeet', *words))}.txt" for words in commands()}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_first_line_of_each(name: str) -> None:
    assert commands()[name,].help.startswith(COMMANDS[name][1])


@every_command
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert not _loaded(str(COMMAND), *words, "--help") & HEAVY


def test_the_probe_for_heavy_modules_would_see_one() -> None:
    assert "numpy" in _loaded("-c", "import numpy") & HEAVY


def test_completing_an_option_loads_nothing_heavy() -> None:
    asked = {
        "_PARAKEET_COMPLETE": "complete_bash",
        "COMP_WORDS": "parakeet transcribe -f ",
        "COMP_CWORD": "3",
    }
    assert not _loaded(str(COMMAND), env=asked) & HEAVY


def _loaded(*arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The top-level names of every module that a run imports."""
    timed = run_python("-X", "importtime", *arguments, env=env).stderr
    names = re.findall(r"^import time:.*\|\s*(\S+)$", timed, flags=re.MULTILINE)
    assert len(names) > 20, timed
    return {name.partition(".")[0] for name in names}
