"""Tests the owner of a shared engine, with the engine mock in a real process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import ChunkResult, EngineOptions
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.owner import EngineOwner, State
from parakeet_cli.engines.shared.request import (
    Adjustment,
    EngineDied,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
)
from parakeet_cli.errors import EngineUnavailable, UsageError


def chunk(seconds: float = 1.0, source: str = "clip.wav") -> Chunk:
    return Chunk(np.zeros(int(16000 * seconds), np.float32), (Piece(0.0, 0.0),), source, last=True)


def text_of(result: ChunkResult) -> str:
    return " ".join(segment.text for segment in result.segments)


@contextmanager
def owner(name: str = "mock", **options: object) -> Iterator[EngineOwner]:
    made = EngineOwner(EngineSetup(name, EngineOptions(**options)))  # type: ignore[arg-type]
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock takes 1,000 s for a second of sound: what is begun stays in hand."""
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "1000")


def test_a_client_gets_what_the_engine_gives() -> None:
    with owner() as engine:
        client = SharedEngine(engine, "a")
        client.load()
        assert client.info.name == "mock"
        assert client.max_chunk_seconds == 30.0
        assert text_of(client.transcribe(chunk(2.0))) == (
            "This is a mock transcript of 2.00 seconds of audio."
        )


def test_a_request_may_ask_for_its_own_language() -> None:
    with owner() as engine:
        german = SharedEngine(engine, "a", adjustment=Adjustment(language="de"))
        assert german.transcribe(chunk()).language == "de"
        assert SharedEngine(engine, "a").transcribe(chunk()).language is None


def test_what_the_engine_cannot_honour_is_refused_and_the_next_request_works() -> None:
    with owner() as engine:
        with pytest.raises(UsageError, match="has no --initial-prompt"):
            SharedEngine(engine, "a", adjustment=Adjustment(initial_prompt="Names.")).transcribe(
                chunk()
            )
        assert SharedEngine(engine, "a").transcribe(chunk()).segments


@pytest.mark.usefixtures("slow")
def test_the_death_of_the_process_costs_what_it_had_and_another_serves_the_rest() -> None:
    with owner(threads=1) as engine:
        engine.wait_until_loaded()
        in_hand = engine.submit(EngineRequest(chunk(), "a", "job"))
        waiting = engine.submit(EngineRequest(chunk(0.0), "b", "other"))
        while not engine.in_hand:
            pass
        first = engine.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with pytest.raises(EngineDied, match="was ended by SIGKILL") as caught:
            in_hand.result()
        assert caught.value.hint is not None
        assert waiting.result() is not None  # a chunk without sound takes the mock no time
        assert engine.pid != first
        assert engine.deaths == 1
        assert engine.state is State.READY


@pytest.mark.usefixtures("slow")
def test_a_client_that_leaves_takes_its_requests_with_it() -> None:
    with owner(threads=1) as engine:
        engine.wait_until_loaded()
        futures = [engine.submit(EngineRequest(chunk(), "a", "job")) for _ in range(3)]
        other = engine.submit(EngineRequest(chunk(0.0), "b", "other"))
        engine.cancel("job")
        for future in futures:
            with pytest.raises(RequestCancelled):
                future.result()
        assert not other.done()
        assert engine.waiting == 1


@pytest.mark.usefixtures("slow")
def test_stopping_tells_those_who_wait() -> None:
    with owner(threads=1) as engine:
        engine.wait_until_loaded()
        future: Future[ChunkResult] = engine.submit(
            EngineRequest(chunk(), "a", "job", Priority.INTERACTIVE)
        )
    with pytest.raises(EngineUnavailable, match="was stopped"):
        future.result()
    with pytest.raises(EngineUnavailable, match="was stopped"):
        engine.submit(EngineRequest(chunk(), "a", "job")).result()


def test_a_chunk_that_ends_the_process_each_time_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = "from tests.integration.transcribe.dying import shared_main; shared_main()"
    monkeypatch.setattr("parakeet_cli.engines.shared.owner.ENTRY", entry)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "0.1")
    names = ["a.wav", "b.wav", "poison.wav", "c.wav", "d.wav"]
    with owner(threads=len(names)) as engine, ThreadPoolExecutor(len(names)) as pool:
        engine.wait_until_loaded()
        asked = [
            pool.submit(SharedEngine(engine, name, attempts=2).transcribe, chunk(source=name))
            for name in names
        ]
        for name, future in zip(names, asked, strict=True):
            if name != "poison.wav":
                assert text_of(future.result()).startswith("This is a mock")
                continue
            with pytest.raises(EngineDied, match="was ended by SIGSEGV"):
                future.result()
        assert engine.deaths == 2


def test_an_engine_that_cannot_be_used_says_why() -> None:
    with pytest.raises(EngineUnavailable), owner("whisper", model="/nowhere"):
        pass
