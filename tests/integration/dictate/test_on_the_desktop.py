"""Tests that players are paused and one line is shown, on a session bus with real services."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dictate.buses import Service, bus
from tests.integration.dictate.desktop import until
from tests.integration.dictate.speech import make_talk
from tests.integration.dictate.test_warm import User
from tests.integration.transcribe.command import run, start


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with bus(tmp_path / "bus") as address:
        yield address


def test_what_plays_is_paused_and_plays_on_and_nothing_else_does(
    tmp_path: Path, address: str
) -> None:
    playing = Service("player", address, tmp_path / "playing", "radio", "Playing")
    paused = Service("player", address, tmp_path / "paused", "video", "Paused")
    talk = make_talk(tmp_path, 1)
    env = {"DBUS_SESSION_BUS_ADDRESS": address}
    arguments = ("dictate", "--from-file", talk.path, "--pause-players")
    done = run(tmp_path, *arguments, env=env, limit=300)
    assert done.code == 0, done.err
    assert (len(playing.logged("Pause")), len(playing.logged("Play"))) == (1, 1)
    assert paused.logged("Pause") == paused.logged("Play") == []
    plain = run(tmp_path, "dictate", "--from-file", talk.path, "--fast", env=env, limit=300)
    assert plain.code == 0
    assert len(playing.logged("Pause")) == 1
    playing.close()
    paused.close()


def test_after_a_kill_the_next_dictation_lets_it_play_on(tmp_path: Path, address: str) -> None:
    player = Service("player", address, tmp_path / "player", "radio", "Playing")
    other = Service("player", address, tmp_path / "other", "music", "Playing")
    talk = make_talk(tmp_path, 1, lead=60.0)
    env = {"DBUS_SESSION_BUS_ADDRESS": address}
    process = start(tmp_path, "dictate", "--from-file", talk.path, "--pause-players", env=env)
    assert until(lambda: bool(player.logged("Pause")) and bool(other.logged("Pause")))
    process.kill()
    process.communicate()
    other.tell("Stopped")  # by the user, meanwhile
    assert until(lambda: bool(other.logged("told")))
    short = make_talk(tmp_path, 1)
    done = run(tmp_path, "dictate", "--from-file", short.path, "--fast", env=env, limit=300)
    assert done.code == 0, done.err
    assert len(player.logged("Play")) == 1
    assert other.logged("Play") == []
    player.close()
    other.close()


def test_one_line_over_the_desktop_is_replaced_in_its_place_and_removed(
    tmp_path: Path, address: str
) -> None:
    desktop = Service("notifications", address, tmp_path / "shown")
    user = User(tmp_path)
    env = {"DBUS_SESSION_BUS_ADDRESS": address}
    talk = make_talk(tmp_path, 1)
    options = ("--from-file", str(talk.path), "--sink", f"file:{user.text}", "--overlay")
    started = user.dictate(*options, "start", env=env)
    assert started.code == 0, started.err
    pid = int(str(user.status()["pid"]))
    try:
        last = talk.words[-1][2]
        assert until(lambda: last in user.typed().lower())
        assert until(lambda: bool(desktop.logged("CloseNotification")))
    finally:
        os.kill(pid, signal.SIGTERM)
    shown = desktop.logged("Notify")
    assert [one[1] for one in shown] == [0, *[1] * (len(shown) - 1)]
    titles = [one[2] for one in shown]
    assert titles[0] == "Listening"
    texts = [one[3] for one in shown]
    assert any(talk.words[0][2] in text.lower() for text in texts), shown
    assert desktop.logged("CloseNotification")[0][0] == 1
    desktop.close()


def test_without_a_session_bus_dictation_works_and_says_what_does_not(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1)
    env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    arguments = ("--from-file", talk.path, "--fast", "--pause-players", "--overlay")
    done = run(tmp_path, "dictate", *arguments, env=env, limit=300)
    assert done.code == 0, done.err
    assert len(done.out.split()) == len(talk.words)
    reason = "The D-Bus can't be reached: No such file or directory."
    assert f"--pause-players pauses nothing: {reason}" in done.err
