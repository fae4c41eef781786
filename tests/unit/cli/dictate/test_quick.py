"""The quick client, with a socket of the test's own in the place of the daemon's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from parakeet_cli.cli.dictate.quick import run_quickly

STATE = {"pid": 7, "listening": True, "loaded": True}


class Daemon:
    """Answers each request with the same answer, and records the requests."""

    def __init__(self, path: Path) -> None:
        self.answer: dict[str, Any] = {"ok": True, "state": STATE, "error": None, "hint": None}
        self.requests: list[dict[str, Any]] = []
        path.parent.mkdir(mode=0o700)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                self.requests.append(json.loads(connection.makefile("rb").readline()))
                connection.sendall(json.dumps(self.answer).encode() + b"\n")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def daemon(runtime: Path) -> Iterator[Daemon]:
    yield Daemon(runtime / "parakeet/dictate.sock")


def test_each_verb_is_sent_and_the_state_shown(
    daemon: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_quickly(["dictate", "toggle", "--profile", "mail"]) == 0
    assert run_quickly(["dictate", "start", "--profile=mail"]) == 0
    assert run_quickly(["dictate", "stop"]) == 0
    assert run_quickly(["dictate", "status", "--json"]) == 0
    assert daemon.requests == [
        {"verb": "toggle", "profile": "mail"},
        {"verb": "start", "profile": "mail"},
        {"verb": "stop"},
        {"verb": "status"},
    ]
    shown = capfd.readouterr()
    assert shown.err.splitlines() == [
        "Listening.",
        "Listening; it was already running.",
        "Listening.",
    ]
    assert json.loads(shown.out) == STATE


def test_a_microphone_s_and_a_window_s_name_are_no_commands_for_the_terminal(
    daemon: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    names = {"microphone": "Ear\x1b]0;x\x07phones\nNot running.", "target": "caf\u202e\u00e9"}
    daemon.answer["state"] = {**STATE, **names}
    assert run_quickly(["dictate", "status"]) == 0
    shown = capfd.readouterr().out
    assert r"Ear\x1b]0;x\x07phones" in shown
    assert "caf\\u202e\u00e9" in shown
    assert "\nNot running" not in shown


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_stdout_that_takes_nothing_is_explained(daemon: Daemon, redirection: str) -> None:
    command = f"{sys.executable} -m parakeet_cli dictate status {redirection}"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: stdout ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "transcribe start",
        "dictate",
        "dictate history",
        "dictate --sink type start",
        "dictate start --sink type",
        "dictate start --json",
        "dictate stop --quit",
        "dictate stop --profile mail",
        "dictate toggle --profile",
        "dictate toggle --help",
    ],
)
def test_anything_unusual_is_left_to_the_whole_command(daemon: Daemon, words: str) -> None:
    assert run_quickly(words.split()) is None
    assert daemon.requests == []


def test_without_a_daemon_or_a_private_runtime_folder_the_whole_command_decides(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_quickly(["dictate", "toggle"]) is None
    Daemon(runtime / "parakeet/dictate.sock")
    assert run_quickly(["dictate", "toggle"]) == 0
    runtime.chmod(0o755)
    assert run_quickly(["dictate", "toggle"]) is None
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    assert run_quickly(["dictate", "toggle"]) is None


def test_a_refusal_is_shown_with_its_hint(
    daemon: Daemon, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # so that nothing appears on a desktop
    daemon.answer = {"ok": False, "error": "It can't listen.", "hint": "Plug one in."}
    assert run_quickly(["dictate", "start"]) == 1
    shown = capfd.readouterr().err
    assert "It can't listen." in shown
    assert "Plug one in." in shown


def test_it_imports_no_library(daemon: Daemon) -> None:
    script = (
        "import sys; sys.argv[1:] = ['dictate', 'toggle']\n"
        "from parakeet_cli.__main__ import _run\n"
        "assert _run() == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=True
    )
    assert not {"typer", "rich", "numpy", "platformdirs", "subprocess"} & set(done.stdout.split())
