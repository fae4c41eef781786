"""Tests `parakeet dictate start` and the other verbs as a person binds them to keys."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.transcribe.command import CLIP, Done, run

TEXT = "This is a mock transcript of"


class User:
    """A home, a runtime folder, and the command in both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = folder / "text.txt"
        (folder / "run").mkdir(mode=0o700)

    def dictate(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        more = {"XDG_RUNTIME_DIR": str(self.folder / "run"), **(env or {})}
        gone = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
        return run(self.folder, "dictate", *arguments, env={**gone, **more})

    def start(self, *arguments: str) -> Done:
        """Start it with a clip as the microphone and a file as the sink."""
        source = ("--from-file", str(CLIP), "--sink", f"file:{self.text}")
        return self.dictate(*source, "start", *arguments)

    def status(self) -> dict[str, object]:
        state = json.loads(self.dictate("status", "--json").out)
        assert isinstance(state, dict)
        return state

    def typed(self) -> str:
        return self.text.read_text(encoding="utf-8") if self.text.exists() else ""

    @property
    def log(self) -> Path:
        (log,) = self.folder.rglob("dictate.log")
        return log


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    made = User(tmp_path)
    yield made
    state = made.status()
    if state["running"]:
        os.kill(int(str(state["pid"])), signal.SIGKILL)


def test_one_process_listens_again_and_again(user: User) -> None:
    started = user.start("--idle")
    assert started.code == 0, started.err
    pid = user.status()["pid"]
    assert user.status()["listening"] is False
    for times in (1, 2):
        assert user.dictate("toggle").code == 0
        assert until(lambda: user.typed().count(TEXT) == times)  # noqa: B023
        assert user.dictate("stop").code == 0
    assert user.status()["pid"] == pid
    left = user.dictate("stop", "--quit")
    assert left.code == 0, left.err
    assert user.status() == {"running": False}


def test_stop_returns_once_the_text_is_inserted(user: User) -> None:
    assert user.start().code == 0
    assert until(lambda: user.status()["speaking"] is True)
    assert user.typed() == ""
    assert user.dictate("stop").code == 0
    assert user.typed().count(TEXT) == 1


def test_cancel_inserts_nothing_and_keeps_no_recording(user: User) -> None:
    assert user.start().code == 0
    assert user.dictate("cancel").code == 0
    assert user.status()["listening"] is False
    assert user.typed() == ""
    assert not list(user.folder.rglob("*.wav"))


def test_a_second_start_says_that_one_is_running(user: User) -> None:
    assert user.start().code == 0
    pid = user.status()["pid"]
    second = user.start()
    assert second.code == 1
    assert f"A dictation is already running (process {pid})" in second.err
    foreground = user.start("--foreground")
    assert foreground.code == 1
    assert f"A dictation is already running (process {pid})" in foreground.err
    assert user.status()["pid"] == pid


def test_options_after_the_verb_are_options_of_dictate(user: User) -> None:
    started = user.dictate(
        *("start", "--idle", "--sink", f"file:{user.text}", "--from-file", str(CLIP))
    )
    assert started.code == 0, started.err
    assert user.status()["sinks"] == [f"file:{user.text}"]
    again = user.dictate("start", "--idle", "--sink", "clipboard")
    assert again.code == 0
    assert "It goes on with the options that it was started with" in again.err


def test_after_a_kill_it_can_be_started_again(user: User) -> None:
    assert user.start("--idle").code == 0
    os.kill(int(str(user.status()["pid"])), signal.SIGKILL)
    assert until(lambda: user.status() == {"running": False})
    stopped = user.dictate("stop")
    assert (stopped.code, "No dictation is running." in stopped.err) == (1, True)
    assert user.start("--idle").code == 0
    assert user.status()["running"] is True


def test_only_the_user_can_enter_the_folders_the_socket_and_the_log(user: User) -> None:
    assert user.start("--idle").code == 0
    socket = user.folder / "run/parakeet/dictate.sock"
    modes = [path.stat().st_mode & 0o777 for path in (socket, socket.parent, user.log)]
    assert modes == [0o600, 0o700, 0o600]


def test_a_toggle_starts_a_dead_process_again_with_what_is_configured(user: User) -> None:
    mail = user.folder / "mail.txt"
    config = user.folder / "config.json"
    content = {
        "dictate": {"sink": [f"file:{user.text}"], "from_file": str(CLIP), "idle_unload": 900},
        "profiles": {"mail": {"sink": [f"file:{mail}"], "replacements": {"mock": "fair copy"}}},
    }
    config.write_text(json.dumps(content), encoding="utf-8")
    env = {"PARAKEET_CONFIG": str(config)}
    assert user.dictate("toggle", env=env).code == 0
    assert user.status()["sinks"] == [f"file:{user.text}"]
    os.kill(int(str(user.status()["pid"])), signal.SIGKILL)
    assert until(lambda: user.status() == {"running": False})
    toggled = user.dictate("toggle", "--profile", "mail", env=env)
    assert toggled.code == 0, toggled.err
    assert until(lambda: user.status()["speaking"] is True)
    assert user.dictate("stop").code == 0
    assert mail.read_text(encoding="utf-8").count("This is a fair copy transcript of") == 1
    assert user.typed() == ""
    assert user.dictate("toggle").code == 0  # without a profile again
    assert until(lambda: user.status()["speaking"] is True)
    assert user.dictate("stop").code == 0
    assert user.typed().count(TEXT) == 1
    unknown = user.dictate("toggle", "--profile", "post")
    assert (unknown.code, "has no profile 'post'" in unknown.err) == (1, True)


def test_a_toggle_that_starts_the_process_takes_the_options_of_start_and_dictate(
    user: User,
) -> None:
    given = ("--sink", f"file:{user.text}", "--from-file", str(CLIP), "--idle-unload", "900")
    toggled = user.dictate("toggle", "--json", *given)
    assert toggled.code == 0, toggled.err
    assert json.loads(toggled.out)["listening"] is True
    assert user.status()["sinks"] == [f"file:{user.text}"]
    again = user.dictate("toggle", "--sink", "clipboard")
    assert "It goes on with the options that it was started with" in again.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("start", "--sink", "paper"), 2, "There is no sink 'paper'"),
        (("start", "--nonsense"), 2, "--nonsense"),
        (("start",), 1, "Nothing can type here"),
        (("start", "--sink", "stdout", "--from-file", "none.wav"), 1, "none.wav does not exist"),
        (("start", "--sink", "stdout", "--recover"), 2, "--recover ends by itself"),
        (("start", "--sink", "stdout", "--model", "none"), 3, "none"),
    ],
)
def test_a_failure_to_start_is_reported_to_the_starting_command(
    user: User, arguments: tuple[str, ...], code: int, message: str
) -> None:
    engine = {"PERSONALPARAKEET_USE_MOCK_STT": "false", "PARAKEET_ENGINE": "whisper"}
    done = user.dictate(*arguments, env=engine if "--model" in arguments else None)
    assert (done.code, message in done.err) == (code, True), done.err
    assert user.status() == {"running": False}
