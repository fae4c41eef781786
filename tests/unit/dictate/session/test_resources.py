"""Tests that the engine of a dictation that lasts is shared from before it is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest

from parakeet_cli.config.settings import Settings
from parakeet_cli.dictate.session import resources
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.engine_setup import engine_options
from parakeet_cli.engines.base import Engine
from parakeet_cli.engines.mock import Mock
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.engines.shared.access import find_engine
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.paths import engine_paths
from parakeet_cli.engines.shared.request import EngineSetup
from parakeet_cli.errors import EngineUnavailable
from tests.unit.engines.shared.test_access import chunk

SETTINGS = Settings(engine="mock")
TEXT = "This is a mock transcript of 3.00 seconds of audio."


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Any:
    with TemporaryDirectory() as folder:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield folder


def request(folder: Path) -> DictationRequest:
    return DictationRequest(SETTINGS, sinks=(f"file:{folder}/text",))


def others() -> Engine | None:
    """The engine that another process would use."""
    return find_engine(EngineSetup("mock", engine_options(SETTINGS)), "other")


def make_by(monkeypatch: pytest.MonkeyPatch, change: Callable[[Engine], Engine]) -> None:
    def make(*arguments: Any, **more: Any) -> Engine:
        return change(make_engine(*arguments, **more))

    monkeypatch.setattr(resources, "make_engine", make)


def test_who_asks_while_the_engine_is_being_made_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    being_made, is_asked = Event(), Event()

    def slowly(engine: Engine) -> Engine:
        being_made.set()
        assert is_asked.wait(30)
        return engine

    make_by(monkeypatch, slowly)
    with ThreadPoolExecutor() as threads:
        session = threads.submit(SessionResources, request(tmp_path), shares=True)
        assert being_made.wait(30)
        other = threads.submit(others)
        is_asked.set()
        with session.result():
            engine = other.result()
            assert isinstance(engine, SharedEngine)
            assert engine.transcribe(chunk()).segments[0].text == TEXT
            engine.close()


def test_a_dictation_that_does_not_last_offers_nothing(tmp_path: Path) -> None:
    with SessionResources(request(tmp_path)):
        assert others() is None


def test_an_engine_that_cannot_be_made_is_offered_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: Engine) -> Engine:
        raise EngineUnavailable("No engine.")

    make_by(monkeypatch, refuse)
    with pytest.raises(EngineUnavailable, match="No engine"):
        SessionResources(request(tmp_path), shares=True)
    paths = engine_paths()
    assert paths is not None
    assert not paths.socket.exists()
    assert others() is None


def test_after_a_model_that_cannot_be_loaded_another_is_loaded_and_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: Mock) -> None:
        raise EngineUnavailable("No memory.")

    with monkeypatch.context() as broken:
        broken.setattr(Mock, "load", refuse)
        session = SessionResources(request(tmp_path), shares=True)
        queue = session.engine_queue
        assert queue is not None
        with pytest.raises(EngineUnavailable, match="No memory"):
            queue.loaded.result(30)
    with session:
        following = session.load_engine()
        following.loaded.result(30)
        assert not isinstance(following.engine, SharedEngine)
        engine = others()
        assert engine is not None
        assert engine.transcribe(chunk()).segments[0].text == TEXT
        engine.close()
