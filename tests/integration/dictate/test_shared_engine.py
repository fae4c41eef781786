"""Tests that a dictation loses no word when the server or the watch ends whose engine it uses."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.integration.dictate.desktop import until
from tests.integration.dictate.speech import make_talk
from tests.integration.dictate.test_warm import User
from tests.integration.server.serving import serving
from tests.integration.transcribe.watching import watching


@contextmanager
def shared_by(owner: str, folder: Path) -> Iterator[Popen[Any]]:
    """The process that shares its engine."""
    if owner == "server":
        with serving(folder) as server:
            yield server.process
        return
    runtime = {"XDG_RUNTIME_DIR": str(folder / "run")}
    with watching(folder, "--engine", "mock", env=runtime) as watch:
        watch.until(lambda: (folder / "run/parakeet/engine.sock").exists())
        yield watch.process


@pytest.mark.parametrize("owner", ["server", "watch"])
@pytest.mark.parametrize("killed", [True, False])
def test_a_dictation_goes_on_with_an_engine_of_its_own_when_the_other_process_ends(
    tmp_path: Path, owner: str, killed: bool
) -> None:
    talk = make_talk(tmp_path, 4)
    user = User(tmp_path)
    words = [word for _, _, word in talk.words]
    with shared_by(owner, tmp_path) as process:
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
            process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
            process.wait(60)
            assert until(lambda: len(user.typed().split()) == len(words))
            assert user.typed().lower().split() == words
        finally:
            os.kill(pid, signal.SIGTERM)
