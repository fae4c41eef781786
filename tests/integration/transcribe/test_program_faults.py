"""A fault of the program or of its installation is said once, and not told as the files'."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIP = ROOT / "samples" / "sense_0880.wav"
REASON = "can't be opened: its decoder failed: TypeError: this PyAV takes no argument."


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """An environment in which PyAV can't be used."""
    package = tmp_path / "broken" / "av"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise TypeError('this PyAV takes no argument')\n")
    return {**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}"}


def transcribe(
    *arguments: str | Path, env: dict[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parakeet_cli", "transcribe", "--engine", "mock", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False)


def clips(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    return [Path(shutil.copy(CLIP, folder / f"{number}.wav")) for number in range(count)]


def test_one_file_names_the_exception_and_what_to_do(
    broken: dict[str, str], tmp_path: Path
) -> None:
    done = transcribe(CLIP, env=broken, cwd=tmp_path)
    assert done.returncode == 1
    assert f"Failed: {CLIP} {REASON}" in done.stderr
    assert "a fault of parakeet or of its installation, not of the recording" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_of_the_decoder(broken: dict[str, str], tmp_path: Path) -> None:
    done = transcribe("--debug", CLIP, env=broken, cwd=tmp_path)
    assert "broken/av/__init__.py" in done.stderr
    assert "parakeet_cli/audio/decode/worker.py" in done.stderr


@pytest.mark.parametrize("more", [[], ["--run", "run"]], ids=["plain", "run"])
def test_a_batch_that_fails_for_one_reason_says_it_once(
    more: list[str], broken: dict[str, str], tmp_path: Path
) -> None:
    clips(tmp_path / "in", 5)
    done = transcribe("in", "-o", "out", *more, env=broken, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("TypeError") == 1, done.stderr
    assert done.stderr.count("a fault of parakeet") == 1
    assert f"Failed: 5 files (in/0.wav, in/1.wav, in/2.wav and 2 more): {REASON}" in done.stderr


def test_faults_of_the_files_are_still_named_one_by_one(tmp_path: Path) -> None:
    for path in clips(tmp_path / "in", 2):
        path.write_bytes(b"no media")
    done = transcribe("in", "-o", "out", env=dict(os.environ), cwd=tmp_path)
    assert done.stderr.count("is not a media file") == 2
