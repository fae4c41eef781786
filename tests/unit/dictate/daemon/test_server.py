"""What the server makes of a request; tests/integration/dictate starts it as a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon.lock import DaemonLock
from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.server import VERBS, Server
from parakeet_cli.errors import ParakeetError


class FakeDictation:
    """A dictation that records what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.listening = False
        self.error: ParakeetError | None = None

    def begin(self, profile: str | None = None) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append("begin")
        self.listening = True

    def finish(self) -> None:
        self.calls.append("finish")
        self.listening = False

    def discard(self) -> None:
        self.calls.append("discard")
        self.listening = False

    def state(self) -> dict[str, object]:
        return {"listening": self.listening, "loaded": True}

    def check(self) -> None:
        """Nothing stands ready here."""

    def unload(self) -> None:
        self.calls.append("unload")

    def quit(self) -> None:
        self.calls.append("quit")


@pytest.fixture
def dictation() -> FakeDictation:
    return FakeDictation()


@pytest.fixture
def server(dictation: FakeDictation, tmp_path: Path) -> Server:
    paths = DaemonPaths(tmp_path / "socket", tmp_path / "lock", tmp_path / "log")
    return Server(dictation, paths, DaemonLock(paths.lock))


@pytest.mark.parametrize(
    ("verb", "listening", "call"),
    [
        ("start", False, "begin"),
        ("stop", True, "finish"),
        ("toggle", False, "begin"),
        ("toggle", True, "finish"),
        ("cancel", True, "discard"),
        ("quit", True, "finish"),
    ],
)
def test_a_verb_does_what_is_next(
    verb: str, listening: bool, call: str, server: Server, dictation: FakeDictation
) -> None:
    dictation.listening = listening
    answer = server.handle(verb)
    assert answer.ok
    assert dictation.calls == [call]
    assert answer.state == {
        "running": True,
        "pid": os.getpid(),
        "listening": call == "begin",
        "loaded": True,
    }


def test_a_status_changes_nothing(server: Server, dictation: FakeDictation) -> None:
    assert server.handle("status").state["listening"] is False
    assert dictation.calls == []


def test_a_start_while_it_listens_is_refused_with_the_process_and_what_to_type(
    server: Server, dictation: FakeDictation
) -> None:
    dictation.listening = True
    answer = server.handle("start")
    assert not answer.ok
    assert f"process {os.getpid()}" in (answer.error or "")
    assert "parakeet dictate stop" in (answer.hint or "")
    assert dictation.calls == []


def test_an_unknown_verb_is_refused(server: Server, dictation: FakeDictation) -> None:
    assert "explode" not in VERBS
    answer = server.handle("explode")
    assert (answer.ok, answer.error) == (False, "There is no verb 'explode'.")
    assert dictation.calls == []


def test_an_error_is_answered_with_its_hint_and_the_state(
    server: Server, dictation: FakeDictation
) -> None:
    dictation.error = ParakeetError("There is no microphone.", hint="Plug one in.")
    answer = server.handle("start")
    assert (answer.ok, answer.error, answer.hint) == (
        False,
        "There is no microphone.",
        "Plug one in.",
    )
    assert answer.state["listening"] is False
