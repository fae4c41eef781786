"""Inputs that can't be opened twice, made into files."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError
from parakeet_cli.transcribe.inputs.as_file import as_file


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_regular_file_is_used_in_place() -> None:
    Path("a.wav").touch()
    with as_file("a.wav") as path:
        assert path == Path("a.wav")
    with as_file("missing.wav") as path:
        assert path == Path("missing.wav")


def test_a_pipe_becomes_a_file_with_all_that_was_written() -> None:
    os.mkfifo("pipe")
    data = os.urandom(200_000)
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(data), daemon=True)
    writer.start()
    with as_file("pipe") as path:
        assert path.read_bytes() == data
    assert not path.exists()


def test_a_pipe_without_a_writer_and_one_that_is_left_at_once_are_failures() -> None:
    os.mkfifo("pipe")
    with pytest.raises(InputError, match="Nothing was written"), as_file("pipe", writer_seconds=0):
        pass
    writer = threading.Thread(target=lambda: Path("pipe").open("wb").close(), daemon=True)
    writer.start()
    with pytest.raises(InputError, match="Nothing"), as_file("pipe", writer_seconds=2):
        pass
