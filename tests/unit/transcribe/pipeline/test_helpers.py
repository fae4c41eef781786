"""Feeders that help with a long recording find what its own feeder finds."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.audio.decode.pool import DecoderWorker
from parakeet_cli.transcribe.pipeline.helpers import Places
from parakeet_cli.transcript import Status
from tests.unit.transcribe.pipeline.test_feeders import Detecting, outputs, plan, record, run

Asked = list[DecoderWorker]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """The processes that were asked for help, each time that they were."""
    monkeypatch.chdir(tmp_path)
    workers: Asked = []
    ask = DecoderWorker.ask

    def asking(
        worker: DecoderWorker, helper: str, samples: NDArray[np.float32], **values: float
    ) -> None:
        workers.append(worker)
        ask(worker, helper, samples, **values)

    monkeypatch.setattr(DecoderWorker, "ask", asking)
    return workers


def engine() -> Detecting:
    return Detecting(concurrency=2, max_chunk_seconds=30.0)


def test_a_long_recording_gives_the_same_bytes_with_and_without_helpers(asked: Asked) -> None:
    planned = plan(record("long.wav", 300.0))
    found = {}
    for feeders in (1, 2, 3):
        (result,) = run(planned, engine(), feeders)
        assert result.status is Status.OK
        found[feeders] = outputs()
        assert bool(asked) is (feeders > 1)
    assert found[1] == found[2] == found[3]


def test_a_helper_that_dies_costs_nothing(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(record("long.wav", 300.0))
    run(planned, engine(), 1)
    alone = outputs()
    ask = DecoderWorker.ask
    killed = []

    def ask_and_kill(
        worker: DecoderWorker, helper: str, samples: NDArray[np.float32], **values: float
    ) -> None:
        ask(worker, helper, samples, **values)
        if len(asked) in (2, 5):
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(worker.pid)

    monkeypatch.setattr(DecoderWorker, "ask", ask_and_kill)
    (result,) = run(planned, engine(), 2)
    assert len(killed) == 2
    assert result.status is Status.OK
    assert outputs() == alone


def test_a_helper_that_always_dies_fails_the_file_and_no_other(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(
        worker: DecoderWorker, helper: str, samples: NDArray[np.float32], **values: float
    ) -> None:
        os.kill(worker.pid, signal.SIGKILL)
        asked.append(worker)

    monkeypatch.setattr(DecoderWorker, "ask", die)
    names = (record("a.wav", 2.0), record("b.wav", 3.0), record("long.wav", 300.0))
    *others, last = run(plan(*names), engine(), 2)
    assert [result.status for result in others] == [Status.OK, Status.OK]
    assert last.status is Status.FAILED
    assert "its decoder crashed (SIGKILL)" in (last.reason or "")


def test_a_file_that_waits_gets_the_place_of_a_helper() -> None:
    places = Places(2)
    with places.own():
        assert places.take_idle()
        assert not places.take_idle()
        begun = Event()

        def work() -> None:
            with places.own():
                begun.set()

        waiting = Thread(target=work)
        waiting.start()
        while not places.wanted:
            pass
        assert not begun.is_set()
        places.leave()
        waiting.join(10)
        assert begun.is_set()
    assert places.take_idle()
