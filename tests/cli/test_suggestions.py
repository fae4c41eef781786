"""Tests what a command line that can't be parsed is taken for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.running import parakeet


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("help", "--help"),
        ("help transcribe", "transcribe --help"),
        ("version", "--version"),
        ("models help", "models --help"),
        ("talk.mp4", "transcribe talk.mp4"),
        ("'a talk.MP3' -f srt", "transcribe 'a talk.MP3' -f srt"),
        ("samples", "transcribe samples"),
        ("-f srt talk.mp4", "transcribe -f srt talk.mp4"),
        ("--model small talk.mp4", "transcribe --model small talk.mp4"),
        ("transcrbe talk.mp4 -f srt", "transcribe talk.mp4 -f srt"),
        ("pull v3", "models pull v3"),
        ("models pul v3", "models pull v3"),
        ("why numpy", "doctor why numpy"),
        ("dictate talk.mp4", "dictate --from-file talk.mp4"),
    ],
)
def test_the_command_that_was_meant_is_suggested(typed: str, meant: str) -> None:
    done = parakeet(*shlex.split(typed))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == [f"  Did you mean: parakeet {meant}"]


@pytest.mark.parametrize("typed", ["nonsense", "--nonsense", "models nonsense"])
def test_without_a_guess_the_parser_speaks_for_itself(typed: str) -> None:
    done = parakeet(*typed.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such" in done.stderr
    assert "Did you mean" not in done.stderr


def test_a_file_whose_name_looks_like_an_option_goes_after_two_hyphens(tmp_path: Path) -> None:
    (tmp_path / "-a.wav").touch()
    done = parakeet("transcribe", "-a.wav", "-f", "srt", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "Error: There is no option -a. A name that begins with a hyphen goes after --.",
        "  Did you mean: parakeet transcribe -f srt -- -a.wav",
    ]
    assert "No such option" in parakeet("transcribe", "-b.wav", cwd=tmp_path).stderr
