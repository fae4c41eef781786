"""Tests keys that are grabbed under X11, and those of the desktop's portal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.dictate.buses import Service, bus
from tests.integration.dictate.desktop import Desktop, end, session, until, x11

# It types while it is told to hold, as dictation does in a pause of somebody who goes on to hold.
LISTENER = """
import sys
from parakeet_cli.dictate.daemon.hotkey import hotkeys
from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.errors import ParakeetError
file = open(sys.argv[1], "w")
def run_verb(verb):
    print(verb, file=file, flush=True)
    if verb == "start" and sink is not None:
        sink.insert("typed while it is held")
sink = make_sink("type:xtest") if sys.argv[4:] else None
if sink is not None:
    sink.open()
toggle, hold = (key or None for key in sys.argv[2:4])
try:
    with hotkeys(run_verb, toggle=toggle, hold=hold):
        run_verb("ready")
        sys.stdin.read()
except ParakeetError as error:
    print(error, error.hint)
"""
TOGGLE, HOLD = "<ctrl>+<alt>+d", "<f9>"


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    with x11(tmp_path) as made:
        yield made


class Listener:
    """A process that writes each verb to a file."""

    def __init__(self, env: dict[str, str], file: Path, *arguments: str) -> None:
        self._file = file
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTENER, str(file), *arguments],
            env={**session(), **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def verbs(self) -> list[str]:
        return self._file.read_text().split() if self._file.exists() else []


@contextmanager
def listening(env: dict[str, str], file: Path, *arguments: str) -> Iterator[Listener]:
    listener = Listener(env, file, *arguments)
    try:
        assert until(lambda: listener.verbs == ["ready"])
        yield listener
    finally:
        end(listener.process)


def test_one_key_toggles_and_another_is_held_and_no_window_gets_them(
    desktop: Desktop, tmp_path: Path
) -> None:
    window = desktop.terminal("window")
    with listening(desktop.env, tmp_path / "verbs", TOGGLE, HOLD) as listener:
        desktop.run("xdotool", "key", "ctrl+alt+d")
        assert until(lambda: listener.verbs == ["ready", "toggle"])
        desktop.run("xdotool", "keydown", "F9")
        assert until(lambda: listener.verbs[2:] == ["start"])
        time.sleep(1.5)  # in which the X server repeats a key that is down
        for _ in range(3):  # as a keyboard that repeats by itself
            desktop.run("xdotool", "keydown", "F9")
        desktop.run("xdotool", "keyup", "F9")
        assert until(lambda: listener.verbs[2:] == ["start", "stop"])
        desktop.run("xdotool", "key", "Num_Lock")
        desktop.run("xdotool", "key", "ctrl+alt+d")
        assert until(lambda: listener.verbs[2:] == ["start", "stop", "toggle"])
        desktop.run("xdotool", "key", "d")
        assert window.shows("d") == "d"
        assert listener.verbs[2:] == ["start", "stop", "toggle"]


def test_two_keys_may_differ_in_their_modifiers_alone(desktop: Desktop, tmp_path: Path) -> None:
    with listening(desktop.env, tmp_path / "verbs", "<shift>+<f9>", HOLD) as listener:
        desktop.run("xdotool", "key", "shift+F9")
        assert until(lambda: listener.verbs[1:] == ["toggle"])
        desktop.run("xdotool", "key", "F9")
        assert until(lambda: listener.verbs[1:] == ["toggle", "start", "stop"])


def test_text_is_typed_into_the_window_while_the_key_is_held(
    desktop: Desktop, tmp_path: Path
) -> None:
    window = desktop.terminal("window")
    with listening(desktop.env, tmp_path / "verbs", "", HOLD, "type") as listener:
        desktop.run("xdotool", "keydown", "F9")
        typed = "typed while it is held"
        assert window.shows(typed) == typed, listener.verbs
        assert listener.verbs[1:] == ["start"]
        desktop.run("xdotool", "keyup", "F9")
        assert until(lambda: listener.verbs[1:] == ["start", "stop"])
        assert window.text == typed


@pytest.mark.parametrize(
    ("key", "env", "reason"),
    [
        ("<nokey>", True, "There is no key '<nokey>'"),
        ("<ctrl>+", True, "There is no key '<ctrl>+'"),
        ("<f9>", False, "Keys can't be seen here"),
    ],
)
def test_a_key_that_can_t_be_used_is_an_error_in_plain_words(
    desktop: Desktop, tmp_path: Path, key: str, env: bool, reason: str
) -> None:
    refused = Listener(desktop.env if env else {}, tmp_path / "verbs", key, "")
    out, _ = refused.process.communicate()
    assert reason in out.decode()


def test_a_key_of_another_program_is_refused(desktop: Desktop, tmp_path: Path) -> None:
    with listening(desktop.env, tmp_path / "first", "", HOLD):
        second = Listener(desktop.env, tmp_path / "second", "", HOLD)
        out, _ = second.process.communicate()
    assert "The key '<f9>' belongs to another program. Choose another one" in out.decode()


def test_under_wayland_the_portal_s_shortcuts_are_used(tmp_path: Path) -> None:
    with bus(tmp_path / "bus") as address:
        env = {"WAYLAND_DISPLAY": "wayland-1", "DBUS_SESSION_BUS_ADDRESS": address}
        missing = Listener(env, tmp_path / "none", TOGGLE, HOLD)
        out, _ = missing.process.communicate()
        assert "Bind `parakeet dictate toggle` to a key" in out.decode()
        portal = Service("shortcuts", address, tmp_path / "log")
        with listening(env, tmp_path / "verbs", TOGGLE, HOLD) as listener:
            assert portal.logged("bind") == [
                ["toggle", "Start or stop dictation", "CTRL+ALT+d"],
                ["hold", "Dictate while it is held", "F9"],
            ]
            portal.tell("Activated", "hold")
            portal.tell("Deactivated", "hold")
            portal.tell("Activated", "toggle")
            portal.tell("Deactivated", "toggle")
            assert until(lambda: listener.verbs[1:] == ["start", "stop", "toggle"])
        portal.close()
        denying = Service("shortcuts", address, tmp_path / "denied", "deny")
        refused = Listener(env, tmp_path / "no", TOGGLE, HOLD)
        out, _ = refused.process.communicate()
        assert "BindShortcuts was not allowed" in out.decode()
        denying.close()
