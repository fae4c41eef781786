"""parakeet names itself as a shell here would find it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from parakeet_cli.cli.own_command import own_command

MODULE = f"{shlex.quote(sys.executable)} -m parakeet_cli"


def program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    file = folder / "parakeet"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.fixture(autouse=True)
def other_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/nowhere/pytest"])


def test_without_parakeet_on_path_this_python_runs_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command() == MODULE


def test_another_environments_parakeet_is_not_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program(tmp_path / "other").parent))
    assert own_command() == MODULE


def test_a_link_to_this_environments_parakeet_is_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = program(tmp_path / "env" / "bin")
    links = tmp_path / "home"
    links.mkdir()
    (links / "parakeet").symlink_to(ours)
    monkeypatch.setattr(sys, "executable", str(ours.parent / "python"))
    monkeypatch.setenv("PATH", str(links))
    assert own_command() == "parakeet"


def test_the_file_that_was_started_is_ours_wherever_its_python_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = program(tmp_path / "shims")
    monkeypatch.setattr(sys, "argv", [str(started), "doctor"])
    monkeypatch.setenv("PATH", str(started.parent))
    assert own_command() == "parakeet"


def test_a_path_with_a_space_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/my env/bin/python")
    assert own_command() == "'/my env/bin/python' -m parakeet_cli"
