"""Asking a program that is named as a Python what it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect import ask, interpreter
from parakeet_cli.errors import UsageError

NO_VARIABLES: dict[str, str] = {"HOME": "/nowhere"}
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a program and returns its path."""

    def write(content: str | bytes, name: str = "python", *, library: bool = False) -> Path:
        program = tmp_path / "base" / "bin" / name
        program.parent.mkdir(parents=True)
        program.write_bytes(content.encode() if isinstance(content, str) else content)
        program.chmod(0o755)
        if library:
            (tmp_path / "base" / "lib" / "python3.11").mkdir(parents=True)
        return program

    return write


def test_a_python_says_what_it_is() -> None:
    answer, problem = ask.ask_interpreter(Path(os.path.realpath(sys.executable)))
    assert problem == ""
    assert str(answer["version"]).startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")


@pytest.mark.parametrize(
    "content",
    [
        "#!/bin/sh\necho hello\n",
        "#!/bin/sh\necho '[]'\n",
        "#!/bin/sh\necho '{}'\n",
        "#!/bin/sh\necho 3\n",
        "#!/bin/sh\nprintf '\\377\\376'\n",
        "#!/bin/sh\n",
        "#!/bin/sh\nexec cat /dev/zero\n",
        "#!/bin/sh\necho pyenv: python: command not found >&2; exit 127\n",
        "#!/nowhere/python\n",
        "only text\n",
        b"\0\1\2",
        b"",
    ],
)
def test_a_program_called_python_that_answers_as_none_does_is_no_python(
    make: Make, content: str | bytes
) -> None:
    with pytest.raises(UsageError, match="is not a Python") as error:
        interpreter.read_interpreter(make(content), NO_VARIABLES)
    assert error.value.hint is None  # one line says all
    assert "--python takes" in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("#!/bin/sh\nexit 3\n", "fails to start: it ended with exit code 3"),
        ("#!/nowhere/python\n", "can't be started"),
        ("#!/bin/sh\nexec sleep 60\n", "did not answer"),
    ],
)
def test_a_python_beside_its_library_that_does_not_start_has_a_problem(
    make: Make, monkeypatch: pytest.MonkeyPatch, content: str, words: str
) -> None:
    monkeypatch.setattr(ask, "ASK_SECONDS", 1.0)
    found = interpreter.read_interpreter(make(content, library=True), NO_VARIABLES)
    assert words in found.problem


@pytest.mark.parametrize(
    "said",
    [
        "python: error while loading shared libraries: libpython3.11.so.1.0: cannot open",
        "Fatal Python error: init_fs_encoding: failed to get the Python codec",
    ],
)
def test_a_program_that_fails_in_the_words_of_a_python_is_one(make: Make, said: str) -> None:
    found = interpreter.read_interpreter(make(f"#!/bin/sh\necho '{said}' >&2; exit 1\n"), {})
    assert said in found.problem


def test_a_program_that_hangs_is_ended_with_all_that_it_started(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its child holds the pipe open for 300 s."""
    monkeypatch.setattr(ask, "ASK_SECONDS", 1.0)
    pids = tmp_path / "pids"
    hanging = make(f"#!/bin/sh\necho $$ > {pids}\nsleep 300 & echo $! >> {pids}\nexit 0\n")
    with pytest.raises(UsageError, match="did not answer within 1 seconds"):
        interpreter.read_interpreter(hanging, NO_VARIABLES)
    started = [int(line) for line in pids.read_text().splitlines()]
    assert len(started) == 2
    deadline = time.monotonic() + 10.0
    while any(map(is_running, started)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_python_of_another_name_is_one(make: Make) -> None:
    named = make(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} "$@"\n', "interpreter")
    assert not interpreter.read_interpreter(named, NO_VARIABLES).problem


def test_a_python_without_isolated_mode_is_asked_in_its_own_words(make: Make) -> None:
    """Python 2.7 has no -I: that is not a reason why it can't start."""
    old = make(
        "#!/bin/sh\n"
        'case "$*" in *-I*) echo Unknown option: -I >&2; exit 2 ;; esac\n'
        'echo \'{"version": "2.7.18", "prefix": "/opt/p", "sites": ["/opt/p/lib"]}\'\n',
        "python2.7",
    )
    found = interpreter.read_interpreter(old, NO_VARIABLES)
    assert (found.version, found.problem) == ("2.7.18", "")


def is_running(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.returncode == 0 and not done.stdout.startswith("Z")
