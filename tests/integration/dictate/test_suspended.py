"""Tests that the microphone is closed at Ctrl-Z and while the computer sleeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dictate.buses import Service, bus
from tests.integration.dictate.desktop import until
from tests.integration.dictate.sound_server import SoundServer, needs_pulseaudio, running
from tests.integration.dictate.test_microphone import Listening
from tests.integration.transcribe.command import MOCK, run

pytestmark = needs_pulseaudio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SoundServer]:
    with running(tmp_path) as server:
        yield server


def recorders(server: SoundServer) -> int:
    """How many streams record."""
    done = subprocess.run(
        ["pactl", "list", "short", "source-outputs"],
        env={**os.environ, **server.environment},
        capture_output=True,
    )
    return len(done.stdout.splitlines())


def test_ctrl_z_closes_the_microphone_and_the_gap_is_said(
    tmp_path: Path, server: SoundServer
) -> None:
    listening = Listening(tmp_path, server, engine=MOCK)
    listening.until("ready")
    process = listening.process
    stat = Path(f"/proc/{process.pid}/stat")
    process.send_signal(signal.SIGTSTP)
    assert until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    assert until(lambda: recorders(server) == 0)
    process.send_signal(signal.SIGCONT)
    gap = listening.until("gap")
    assert gap["seconds"] > 0
    assert gap["text"] == "this program is stopped"
    assert recorders(server) == 1
    listening.end()


def test_the_microphone_is_closed_before_the_computer_sleeps(
    tmp_path: Path, server: SoundServer
) -> None:
    with bus(tmp_path / "system") as address:
        login = Service("login", address, tmp_path / "login.log")
        listening = Listening(
            tmp_path, server, engine=MOCK, env={"DBUS_SYSTEM_BUS_ADDRESS": address}
        )
        listening.until("ready")
        assert login.logged("inhibit") == [
            ["sleep", "parakeet", "The microphone is closed first.", "delay"]
        ]
        login.tell("sleep")
        assert until(lambda: login.logged("released") == [[]])
        assert until(lambda: recorders(server) == 0)
        login.tell("wake")
        assert listening.until("gap")["text"] == "the computer sleeps"
        said = [event["text"] for event in listening.events if event["event"] == "error"]
        assert said == ["The microphone 'Monitor of Null Output' is closed: the computer sleeps."]
        assert until(lambda: len(login.logged("inhibit")) == 2)
        listening.end()
        assert until(lambda: len(login.logged("released")) == 2)
        login.close()


def test_a_process_that_waits_keeps_no_microphone_while_the_computer_sleeps(
    tmp_path: Path, server: SoundServer
) -> None:
    with bus(tmp_path / "system") as address:
        login = Service("login", address, tmp_path / "login.log")
        env = {**server.environment, "DBUS_SYSTEM_BUS_ADDRESS": address}
        text = tmp_path / "text"
        start = ("--pre-roll", "--sink", f"file:{text}", "start", "--idle")
        done = run(tmp_path, "dictate", *start, env=env)
        assert done.code == 0, done.err
        assert until(lambda: recorders(server) == 1)
        login.tell("sleep")
        assert until(lambda: recorders(server) == 0)
        assert until(lambda: login.logged("released") == [[]])
        login.tell("wake")
        assert until(lambda: recorders(server) == 1)
        assert run(tmp_path, "dictate", "start", env=env).code == 0
        state = json.loads(run(tmp_path, "dictate", "status", "--json", env=env).out)
        assert state["listening"] is True
        assert run(tmp_path, "dictate", "stop", "--quit", env=env).code == 0
        login.close()
