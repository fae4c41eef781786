"""The completions of a shell: complete, quick to load, and without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.cli.app import COMMANDS
from parakeet_cli.system.environments import KeptEnvironment, keep

SLOW_TO_LOAD = ("numpy", "av", "huggingface_hub", "onnxruntime", "httpx", "requests", "socket")


def completed(words: str, home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """What bash gets for the word after these."""
    variables = {
        "_PARAKEET_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, *flags, "-c", "from parakeet_cli.__main__ import main; main()"]
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


def test_commands_options_and_values_are_completed(tmp_path: Path) -> None:
    assert completed("parakeet ", tmp_path).stdout.split() == list(COMMANDS)
    assert "--skip-existing" in completed("parakeet transcribe --sk", tmp_path).stdout.split()
    assert "rollback" in completed("parakeet doctor r", tmp_path).stdout.split()
    assert "srt" in completed("parakeet transcribe -f s", tmp_path).stdout.split()


def test_the_environments_that_setup_keeps_are_completed(tmp_path: Path) -> None:
    data = tmp_path / ".local" / "share" / "parakeet"
    keep(data, KeptEnvironment("nemo-3.0-cu126", "/nowhere", "3.0"))
    done = completed("parakeet setup --remove ", tmp_path)
    assert done.stdout.split() == ["nemo-3.0-cu126"]


def test_the_names_of_models_are_completed(tmp_path: Path) -> None:
    assert "v3-int8" in completed("parakeet models pull v", tmp_path).stdout.split()


@pytest.mark.parametrize("words", ["parakeet ", "parakeet transcribe --en", "parakeet doctor "])
def test_nothing_that_is_slow_or_reaches_a_network_is_loaded(words: str, tmp_path: Path) -> None:
    done = completed(words, tmp_path, "-X", "importtime")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "parakeet_cli.cli.app" in loaded
    assert not loaded & set(SLOW_TO_LOAD)
