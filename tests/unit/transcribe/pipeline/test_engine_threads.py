from __future__ import annotations

import threading

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from tests.unit.transcribe.scripted import Scripted, text_of


def chunk(start: float) -> Chunk:
    return Chunk(np.zeros(1600, np.float32), (Piece(0.0, start),), "a.wav")


def test_each_future_has_its_own_chunk_s_text() -> None:
    engine = Scripted(concurrency=3)
    with EngineThreads(engine) as threads:
        futures = [threads.submit(chunk(at)) for at in range(20)]
        threads.wait_until_loaded()
        assert [text_of(future.result()) for future in futures] == [f"{at}.0" for at in range(20)]
    assert (engine.loads, engine.closes) == (1, 1)


def test_as_many_chunks_as_the_concurrency_are_in_work_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)
    with EngineThreads(Scripted(concurrency=2, during=lambda _: meeting.wait())) as threads:
        for future in [threads.submit(chunk(at)) for at in range(4)]:
            future.result(timeout=10)


def test_one_that_fails_does_not_hold_the_next_one_up() -> None:
    def fail(piece: Chunk) -> None:
        if piece.start == 1.0:
            raise EngineError("It choked.")

    with EngineThreads(Scripted(during=fail)) as threads:
        first, second, third = (threads.submit(chunk(at)) for at in range(3))
        assert text_of(first.result()) == "0.0"
        with pytest.raises(EngineError):
            second.result()
        assert text_of(third.result()) == "2.0"


def test_an_engine_that_can_t_be_loaded_fails_every_chunk_and_hangs_none() -> None:
    with EngineThreads(Scripted(unavailable=True)) as threads:
        futures = [threads.submit(chunk(at)) for at in range(10)]
        with pytest.raises(EngineUnavailable):
            threads.wait_until_loaded()
        for future in futures:
            with pytest.raises(EngineUnavailable):
                future.result(timeout=10)


def test_no_more_sound_is_in_flight_than_the_engine_wants() -> None:
    gate = threading.Event()
    handed: list[float] = []
    with EngineThreads(
        Scripted(concurrency=8, max_inflight_seconds=0.25, during=lambda _: gate.wait(10))
    ) as threads:

        def feed() -> None:
            for at in range(6):
                threads.submit(chunk(at))  # 0.1 s
                handed.append(at)
            threads.submit(Chunk(np.zeros(16_000, np.float32), (Piece(0.0, 9.0),), "a.wav"))
            handed.append(9)

        feeder = threading.Thread(target=feed)
        feeder.start()
        feeder.join(0.2)
        assert handed == [0, 1]
        gate.set()
        feeder.join(10)
        assert len(handed) == 7  # one that is too long by itself, too


def test_no_more_chunks_wait_than_there_is_room_for() -> None:
    """This bounds memory: the decoder has to wait."""
    gate = threading.Event()
    handed: list[float] = []
    with EngineThreads(Scripted(during=lambda _: gate.wait(10))) as threads:

        def feed() -> None:
            for at in range(20):
                threads.submit(chunk(at))
                handed.append(at)

        feeder = threading.Thread(target=feed)
        feeder.start()
        feeder.join(0.2)
        assert feeder.is_alive()
        assert len(handed) < 6
        gate.set()
        feeder.join(10)
        assert len(handed) == 20


def test_threads_start_as_there_is_work_for_them() -> None:
    with EngineThreads(Scripted(concurrency=1000)) as threads:
        for number in range(20):  # one after the other
            threads.submit(chunk(number)).result(10)
        assert len(threads._threads) <= 3


def test_a_system_with_few_threads_to_give_makes_it_slower_and_not_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def refusing(thread: threading.Thread) -> None:
        if thread.name.startswith("engine-"):
            if len(started) == 3:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refusing)
    with EngineThreads(Scripted(concurrency=100)) as threads:
        futures = [threads.submit(chunk(number)) for number in range(50)]
        assert [text_of(one.result(10)) for one in futures] == [f"{n}.0" for n in range(50)]


def test_the_loaded_engine_is_announced_before_its_first_chunk() -> None:
    order: list[str] = []
    engine = Scripted(during=lambda _: order.append("chunk"))
    with EngineThreads(engine, on_loaded=lambda _: order.append("loaded")) as threads:
        threads.submit(chunk(0)).result(10)
    assert order == ["loaded", "chunk"]
