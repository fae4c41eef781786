"""Which Python an environment is made with."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.errors import Refused
from parakeet_cli.setup import pythons
from parakeet_cli.setup.pythons import BasePython, ask, find_base_python

STACK = load_stack("3.0")
THIS = ".".join(map(str, sys.version_info[:3]))
REAL = sys.executable
NONE = replace(STACK, python=">=9.0")


def fake(folder: Path, name: str, version: str, **changes: object) -> Path:
    """A program that answers as a Python of that version does."""
    answer = {"path": "", "version": version, "ordinary": True, "venv": True, "pip": False}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{REAL}\nimport json\nprint(json.dumps({answer | changes}))\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine whose running Python suits no stack."""
    monkeypatch.setattr(sys, "executable", str(fake(tmp_path / "own", "python", "3.9.1")))
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def test_the_running_python_is_taken_if_it_suits() -> None:
    found = find_base_python(replace(STACK, python=f"=={THIS}"), None)
    assert found.version == THIS
    assert Path(found.path).is_file()


@pytest.mark.parametrize(
    "place",
    [
        "bin",
        "home/.pyenv/versions/9.1.2/bin",
        "home/.local/share/uv/python/cpython-9.1.2-linux/bin",
    ],
)
def test_another_is_found_on_path_and_where_pyenv_and_uv_put_them(
    tmp_path: Path, elsewhere: dict[str, str], place: str
) -> None:
    path = fake(tmp_path / place, "python3", "9.1.2")
    assert find_base_python(NONE, None, elsewhere) == BasePython(str(path), "9.1.2", False)


def test_those_that_can_make_no_environment_are_passed_over(
    tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    fake(tmp_path / "bin", "python3.11", "9.1.0", venv=False)
    fake(tmp_path / "bin", "python3.12", "9.1.0", ordinary=False)
    (tmp_path / "bin" / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "bin" / "python3.13").chmod(0o755)
    good = fake(tmp_path / "bin", "python3", "9.1.3")
    assert find_base_python(NONE, None, elsewhere).path == str(good)


def test_where_none_suits_it_is_refused_with_how_to_get_one(elsewhere: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r">=9\.0") as refused:
        find_base_python(NONE, None, elsewhere)
    for way in ("uv python install", "apt install", "--base-python"):
        assert way in (refused.value.hint or "")


def test_the_named_one_is_taken_or_refused(tmp_path: Path) -> None:
    path = fake(tmp_path, "mine", "9.4.0")
    assert find_base_python(NONE, str(path)).version == "9.4.0"
    with pytest.raises(Refused, match=r"Python 9\.4\.0"):
        find_base_python(STACK, str(path))
    for no_python in ("/bin/ls", "/no/such/file", str(tmp_path / "empty")):
        with pytest.raises(Refused, match="--base-python"):
            find_base_python(STACK, no_python)


def test_an_interpreter_is_asked_what_it_is() -> None:
    found = ask(sys.executable)
    assert isinstance(found, BasePython)
    assert found.version == THIS
    assert "can't be started" in str(ask("/no/such/file"))


def test_one_that_does_not_answer_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons, "_SECONDS", 0.2)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    assert "doesn't answer" in str(ask(str(slow)))
