from __future__ import annotations

from threading import Event

import pytest

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.dictate.session.engine_queue import EngineQueue, Priority
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.transcript import EngineInfo


class SlowEngine:
    """An engine that loads once it is allowed to."""

    info = EngineInfo("slow", "none", "cpu", "1")
    max_chunk_seconds = 60.0
    max_inflight_seconds = 60.0
    needs_all_audio = False
    invents_in_silence = False

    def __init__(self, *, concurrency: int = 1, works: bool = True) -> None:
        self.concurrency = concurrency
        self.may_load = Event()
        self.closed = False
        self._works = works

    def load(self) -> None:
        self.may_load.wait()
        if not self._works:
            raise EngineUnavailable("There is no model.")

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        return ChunkResult(())

    def close(self) -> None:
        self.closed = True


def test_the_most_urgent_job_runs_first() -> None:
    engine = SlowEngine()
    queue = EngineQueue(engine)
    queue.start()
    order: list[str] = []
    jobs = [
        queue.submit(lambda name=name: order.append(name), priority)  # type: ignore[misc]
        for name, priority in (
            ("partial", Priority.PARTIAL),
            ("pause", Priority.PAUSE),
            ("first final", Priority.FINAL),
            ("second final", Priority.FINAL),
        )
    ]
    engine.may_load.set()
    for job in jobs:
        job.future.result(timeout=60)
    assert order == ["first final", "second final", "pause", "partial"]
    queue.close()
    assert engine.closed


def test_no_final_waits_for_a_partial_if_the_engine_takes_two_chunks() -> None:
    engine = SlowEngine(concurrency=2)
    engine.may_load.set()
    queue = EngineQueue(engine)
    queue.start()
    end = Event()
    partials = [queue.submit(end.wait, Priority.PARTIAL) for _ in range(3)]
    final = queue.submit(lambda: "text", Priority.FINAL)
    assert final.future.result(timeout=60) == "text"
    end.set()
    assert all(job.future.result(timeout=60) for job in partials)
    queue.close()


def test_an_engine_that_can_t_load_fails_every_job() -> None:
    engine = SlowEngine(works=False)
    queue = EngineQueue(engine)
    queue.start()
    job = queue.submit(lambda: "text", Priority.FINAL)
    engine.may_load.set()
    with pytest.raises(EngineUnavailable, match="There is no model"):
        job.future.result(timeout=60)
    queue.close()


def test_an_utterance_is_cut_after_half_a_minute_at_most() -> None:
    assert EngineQueue(SlowEngine()).max_utterance_seconds == 30.0
