"""Tests that the processes of a user share one engine, through real sockets."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.shared import protocol
from parakeet_cli.engines.shared.access import CommonEngine
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.paths import EnginePaths
from parakeet_cli.engines.shared.remote import RemoteEngine
from parakeet_cli.engines.shared.request import (
    Adjustment,
    EngineDied,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
)
from parakeet_cli.errors import EngineUnavailable, UsageError

SETUP = EngineSetup("mock", EngineOptions(threads=1))
Make = Callable[..., CommonEngine]


@pytest.fixture
def paths(tmp_path: Path) -> EnginePaths:
    return EnginePaths(tmp_path / "engine.sock", tmp_path / "engine.lock")


@pytest.fixture
def make(paths: EnginePaths) -> Iterator[Make]:
    """Makes an engine as one process would."""
    made: list[CommonEngine] = []

    def one(setup: EngineSetup = SETUP) -> CommonEngine:
        made.append(CommonEngine(setup, paths))
        made[-1].start()
        return made[-1]

    yield one
    for engine in made:
        engine.stop()


def chunk(seconds: float = 1.0) -> Chunk:
    samples = np.zeros(int(16000 * seconds), np.float32)
    return Chunk(samples, (Piece(0.0, 2.0),), "clip.wav", last=True, speech_end=0.5)


def text_of(engine: CommonEngine, adjustment: Adjustment | None = None) -> str:
    shared = SharedEngine(engine, "a", adjustment=adjustment or Adjustment())
    return " ".join(segment.text for segment in shared.transcribe(chunk()).segments)


def test_a_second_process_uses_the_engine_of_the_first(make: Make, paths: EnginePaths) -> None:
    first, second = make(), make()
    assert first.is_own
    assert not second.is_own
    assert second.wait_until_loaded() == "cpu, shared by another process"
    assert second.properties == first.properties
    assert (
        text_of(second) == text_of(first) == "This is a mock transcript of 3.00 seconds of audio."
    )
    assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o600


def test_what_is_asked_and_refused_goes_through_the_socket(make: Make) -> None:
    make()
    second = make()
    german = SharedEngine(second, "a", adjustment=Adjustment(language="de"))
    assert german.transcribe(chunk()).language == "de"
    with pytest.raises(UsageError, match="has no --task translate"):
        text_of(second, Adjustment(task="translate"))


def test_an_engine_with_other_options_is_not_shared(make: Make) -> None:
    make()
    assert make(EngineSetup("mock", EngineOptions(beam_size=3))).is_own
    assert not make(EngineSetup("mock", EngineOptions(threads=3))).is_own


def test_when_the_process_that_shares_it_ends_the_other_loads_its_own(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "1000")
    first, second = make(), make()
    second.wait_until_loaded()
    in_hand = second.submit(EngineRequest(chunk(), "a", "job"))
    while not first.in_hand:
        pass
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "0")
    first.stop()
    with pytest.raises(EngineDied, match="has ended"):
        in_hand.result()
    while not second.is_own:
        pass
    assert text_of(second).startswith("This is a mock transcript")
    assert not make().is_own  # it shares its own now


def test_of_processes_that_begin_at_once_one_loads_the_engine(paths: EnginePaths) -> None:
    engines = [CommonEngine(SETUP, paths) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(CommonEngine.start, engines))
    owners = [engine for engine in engines if engine.is_own]
    try:
        assert len(owners) == 1
        assert {text_of(engine) for engine in engines} == {
            "This is a mock transcript of 3.00 seconds of audio."
        }
        owners[0].stop()  # the others make one again between them
        left = [engine for engine in engines if engine is not owners[0]]
        for engine in left:
            assert text_of(engine)
        assert sum(engine.is_own for engine in left) == 1
    finally:
        for engine in engines:
            engine.stop()
    assert not paths.socket.exists()


def test_a_chunk_outlives_the_process_that_had_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "1000")
    first, second = make(), make()
    shared = SharedEngine(second, "a")
    shared.load()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(shared.transcribe, chunk())
        while not first.in_hand:
            pass
        monkeypatch.setenv("PARAKEET_MOCK_RTF", "0")
        first.stop()
        assert asked.result().segments
    assert shared.failure is None


def test_who_waits_for_the_model_of_a_process_that_ends_gets_the_next_one(make: Make) -> None:
    first, second = make(), make()
    first.stop()
    assert second.wait_until_loaded().startswith("cpu")
    assert text_of(second)


def test_an_engine_that_cannot_be_made_is_offered_to_nobody(paths: EnginePaths) -> None:
    with pytest.raises(EngineUnavailable):
        CommonEngine(EngineSetup("whisper", EngineOptions(model="/nowhere")), paths).start()
    assert not paths.socket.exists()


def test_a_job_is_cancelled_in_the_other_process_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "1000")
    first, second = make(), make()
    futures = [second.submit(EngineRequest(chunk(), "a", "job")) for _ in range(3)]
    while first.waiting != 2:
        pass
    second.cancel("job")
    for future in futures:
        with pytest.raises(RequestCancelled):
            future.result()
    assert first.waiting == 0


def test_a_process_that_leaves_takes_its_requests_with_it(
    make: Make, paths: EnginePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", "1000")
    first = make()
    first.wait_until_loaded()
    other = RemoteEngine.connect(SETUP, paths)
    assert other is not None
    for _ in range(3):
        other.submit(EngineRequest(chunk(), "a", "job"))
    while first.waiting != 2:
        pass
    other.close()
    while first.waiting:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!II", 2**31, 0),
        struct.pack("!II", 2, 3) + b"{}abc",
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 4, 0) + b"\xff\xff\xff\xff",
        struct.pack("!II", 16, 0) + b'{"type":"hello"}',
    ],
)
def test_what_is_no_message_ends_that_connection_alone(
    make: Make, paths: EnginePaths, data: bytes
) -> None:
    make()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(paths.socket))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # what it didn't read is thrown away
            assert len(connection.recv(1000)) < 100
    assert text_of(make()).startswith("This is a mock")


def test_a_socket_that_a_killed_process_left_is_replaced(make: Make, paths: EnginePaths) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(paths.socket))
    assert make().is_own
    assert not make().is_own
    assert os.path.exists(paths.socket)  # noqa: PTH110


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "answer",
    [
        {"type": "result", "id": 0, "result": {"segments": [1]}},
        {"type": "result", "id": 0},
        {"type": "result", "id": [0], "result": {"segments": [], "doubts": [], "language": None}},
        {"type": "error", "id": {}},
        {"type": "loaded", "runs_on": "cpu"},
    ],
)
def test_nobody_waits_for_ever_after_an_answer_that_cannot_be_read(
    make: Make, tmp_path: Path, answer: dict[str, object]
) -> None:
    properties = make().properties
    paths = EnginePaths(tmp_path / "other.sock", tmp_path / "other.lock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.socket))
        listener.listen()

        def respond() -> None:
            connection, _ = listener.accept()
            with connection:
                protocol.receive(connection)
                protocol.send(connection, protocol.welcome_message(properties))
                while (received := protocol.receive(connection)) is not None:
                    if received[0]["type"] == "transcribe":
                        protocol.send(connection, answer)

        Thread(target=respond, daemon=True).start()
        lost = Event()
        remote = RemoteEngine.connect(SETUP, paths, lost.set)
        assert remote is not None
        future = remote.submit(EngineRequest(chunk(), "a", "b"))
        with pytest.raises(EngineDied):
            future.result(60)
        assert lost.wait(60)
