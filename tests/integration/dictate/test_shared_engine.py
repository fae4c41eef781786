"""Tests that a dictation that uses a server's engine loses no word when the server ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.dictate.speech import make_talk
from tests.integration.dictate.test_warm import User
from tests.integration.server.serving import serving


@pytest.mark.parametrize("killed", [True, False])
def test_a_dictation_goes_on_with_an_engine_of_its_own_when_the_server_ends(
    tmp_path: Path, killed: bool
) -> None:
    talk = make_talk(tmp_path, 4)
    user = User(tmp_path)
    words = [word for _, _, word in talk.words]
    with serving(tmp_path) as server:
        state = {name: str(tmp_path / name) for name in ("XDG_STATE_HOME", "XDG_DATA_HOME")}
        arguments = ("--from-file", str(talk.path), "--sink", f"file:{user.text}")
        started = user.dictate(*arguments, "start", env=state)
        assert started.code == 0, started.err
        pid = int(str(user.status()["pid"]))
        try:
            (log,) = tmp_path.rglob("dictate.log")
            assert "shared by another process" in log.read_text(encoding="utf-8")
            assert until(lambda: bool(user.typed()))
            assert user.typed().lower().split() != words
            server.process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
            server.process.wait(60)
            assert until(lambda: len(user.typed().split()) == len(words))
            assert user.typed().lower().split() == words
        finally:
            os.kill(pid, signal.SIGTERM)
