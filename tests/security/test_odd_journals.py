"""FIFOs, devices and endless links in the folder of a run or a dictation: a sentence, at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.integration.unchanged.cases_of_transcription import clip
from tests.integration.unchanged.running import parakeet

pytestmark = pytest.mark.slow

ODD: Mapping[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "an endless link": lambda path: path.symlink_to(path),
}
RUN = ("transcribe", "a.wav", "-f", "txt", "-o", "out", "--run", "run")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["journal.jsonl", "results.jsonl", "lock"])
def test_a_run_names_it_and_ends(tmp_path: Path, name: str, odd: str) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "run").mkdir()
    ODD[odd](tmp_path / "run" / name)
    done = parakeet(tmp_path, *RUN, code=None)
    assert done.code in (1, 4), done
    assert f"run/{name}" in done.err
    assert "Traceback" not in done.err
    parakeet(tmp_path, "transcribe", "--status", "run", code=None)


@pytest.mark.parametrize("odd", ODD)
def test_a_dictation_is_not_held_up_by_it(tmp_path: Path, odd: str) -> None:
    recording = tmp_path / "home/state/parakeet/dictation/20250102-030405-4242"
    recording.mkdir(parents=True, mode=0o700)
    (recording / "lock").touch()
    ODD[odd](recording / "journal.jsonl")
    parakeet(tmp_path, "dictate", "history")
    done = parakeet(tmp_path, "dictate", "--recover", code=None)
    assert done.code != 0
    assert "journal.jsonl can't be read" in done.err
    assert "Traceback" not in done.err
    assert recording.exists()
