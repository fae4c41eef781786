"""Tests the worker's loop with a model that does what a test wants, and a device that records."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from parakeet_cli.engines.nemo.worker.batches import WorkerRequest
from parakeet_cli.engines.nemo.worker.decoding import Tokens
from parakeet_cli.engines.nemo.worker.faults import DeviceLostError
from parakeet_cli.engines.nemo.worker.loading import LoadedModel
from parakeet_cli.engines.nemo.worker.pipeline import FailedBatch
from parakeet_cli.engines.nemo.worker.serve import ModelServer

LIMIT = 30.0  # seconds for another thread to do something
SECOND = 16_000


class Model:
    """Encoder, decoder and device in one. Batches have at most `most` chunks."""

    graphs = None
    frame_seconds = 0.08
    device = "cuda:0"
    max_batches = 2

    def __init__(self, most: int = 2) -> None:
        self.most = most
        self.calls: list[str] = []
        self.gate = threading.Event()  # closed: the device works on
        self.gate.set()
        self.at_launch: list[Exception | None] = []
        self.at_result: list[Exception | None] = []
        self.working = True
        self.called = threading.Condition()

    def record(self, call: str) -> None:
        with self.called:
            self.calls.append(call)
            self.called.notify_all()

    def wait_for(self, call: str) -> None:
        with self.called:
            assert self.called.wait_for(lambda: call in self.calls, LIMIT), self.calls

    def select(self) -> None:
        self.record(f"select in {threading.current_thread().name}")

    @contextmanager
    def inference(self) -> Iterator[None]:
        yield

    def free_memory(self) -> float:
        return 2.0**40

    def empty_cache(self) -> None:
        self.record("empty cache")

    def works(self) -> bool:
        return self.working

    def budget(self, seconds: float, way: str | None) -> float:
        return seconds * self.most

    def succeeded(self) -> None:
        pass

    def reduce_limit(self, seconds: float, count: int) -> bool:
        return count > 1

    def encode(self, sounds: Sequence[Any], way: Any, boundaries: Any) -> tuple[Any, None, str]:
        numbers = [int(sound[0]) for sound in sounds]
        self.record(f"launch {numbers}")
        error = self.at_launch.pop(0) if self.at_launch else None
        if error is not None:
            raise error
        return numbers, None, way or "whole"

    def decode(self, encoded: list[int], lengths: None) -> Pending:
        return Pending(self, encoded)


class Pending:
    def __init__(self, model: Model, numbers: list[int]) -> None:
        self._model, self._numbers = model, numbers

    def result(self) -> list[Tokens]:
        assert self._model.gate.wait(LIMIT)
        self._model.record(f"result {self._numbers}")
        error = self._model.at_result.pop(0) if self._model.at_result else None
        if error is not None:
            raise error
        return [Tokens([f"▁{number}"], [(0, 1)], [0.5]) for number in self._numbers]


class Running:
    """A server in a thread, and what it sends."""

    def __init__(self, model: Model) -> None:
        self.sent: list[dict[str, Any]] = []
        self.model = model
        self.error: BaseException | None = None
        self._requests: SimpleQueue[WorkerRequest | FailedBatch] = SimpleQueue()
        self._arrived = threading.Condition()
        loaded = LoadedModel(model, model, model, {})  # type: ignore[arg-type]
        self._server = ModelServer(self._send, self._requests, lambda *_: loaded)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self._requests.put(self._request({"operation": "load", "model": {"path": ""}}, 0))

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:
            self.error = error

    def _send(self, head: dict[str, Any]) -> None:
        with self._arrived:
            self.sent.append(head)
            self._arrived.notify_all()

    def _request(self, head: dict[str, Any], number: int) -> WorkerRequest:
        return WorkerRequest({"id": number, **head}, np.full(SECOND, number, np.float32))

    def chunk(self, number: int, **more: Any) -> None:
        self._requests.put(self._request({"operation": "transcribe", **more}, number))

    def start(self) -> None:
        self.thread.start()

    def answers(self, count: int) -> list[int]:
        """The ids of the chunks that are answered, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._answered()) >= count, LIMIT), self.sent
            return self._answered()

    def _answered(self) -> list[int]:
        return [one["id"] for one in self.sent if one.get("id")]

    def errors(self) -> dict[int, str]:
        return {one["id"]: one["error"] for one in self.sent if "error" in one}

    def launches(self) -> list[str]:
        return [call for call in self.model.calls if call.startswith("launch")]


def test_the_next_batch_is_launched_while_the_device_works_on_one_and_no_third() -> None:
    model = Model()
    model.gate.clear()
    running = Running(model)
    for number in range(1, 7):
        running.chunk(number)
    running.start()
    model.wait_for("launch [3, 4]")
    assert running.launches() == ["launch [1, 2]", "launch [3, 4]"]
    assert running._answered() == []
    assert [one["started"] for one in running.sent if "started" in one][:2] == [[1, 2], [3, 4]]
    model.gate.set()
    assert running.answers(6) == [1, 2, 3, 4, 5, 6]
    order = [call for call in model.calls if call.startswith(("launch", "result"))]
    assert order.index("result [1, 2]") < order.index("launch [5, 6]")
    results = {one["id"]: one["result"] for one in running.sent if one.get("id")}
    assert [results[number]["pieces"] for number in range(1, 7)] == [[f"▁{n}"] for n in range(1, 7)]


def test_what_arrives_while_a_batch_is_at_work_is_in_the_next_where_there_is_room_for_one() -> None:
    model = Model(most=8)
    model.max_batches = 1  # a CPU
    model.gate.clear()
    running = Running(model)
    running.chunk(1)
    running.start()
    model.wait_for("launch [1]")
    for number in (2, 3, 4):
        running.chunk(number)
    model.gate.set()
    assert running.answers(4) == [1, 2, 3, 4]
    assert running.launches() == ["launch [1]", "launch [2, 3, 4]"]


def test_the_thread_that_waits_for_results_selects_its_device_first() -> None:
    running = Running(Model())
    running.chunk(1)
    running.start()
    running.answers(1)
    assert running.model.calls[0] == "select in answers"


def test_a_worker_that_could_answer_nothing_more_ends() -> None:
    program = """
import time
from types import SimpleNamespace
from parakeet_cli.engines.nemo.worker.pipeline import BatchPipeline

def select():
    raise OSError("invalid device ordinal")

cuda = SimpleNamespace(max_batches=2, select=select)
BatchPipeline(SimpleNamespace(cuda=cuda), print, print)
time.sleep(300)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "OSError: invalid device ordinal"


def test_a_chunk_that_a_worker_died_over_has_the_device_to_itself() -> None:
    model = Model()
    running = Running(model)
    for number in (1, 2, 3, 4):
        running.chunk(number, alone=number == 3)
    running.start()
    running.answers(4)
    at = model.calls.index("launch [3]")
    before = [call for call in model.calls[:at] if "launch" in call]
    assert all(call.replace("launch", "result") in model.calls[:at] for call in before)
    after = model.calls[at + 1]
    assert after == "result [3]"


@pytest.mark.parametrize("where", ["at_launch", "at_result"])
def test_a_batch_without_enough_memory_is_halved_and_answered(where: str) -> None:
    model = Model(most=4)
    setattr(model, where, [RuntimeError("CUDA out of memory.")] * 2)
    running = Running(model)
    for number in range(1, 5):
        running.chunk(number)
    running.start()
    assert sorted(running.answers(4)) == [1, 2, 3, 4]
    assert running.errors() == {}
    assert "empty cache" in model.calls
    assert running.launches()[:2] == ["launch [1, 2, 3, 4]", "launch [1, 2]"]


@pytest.mark.parametrize("where", ["at_launch", "at_result"])
def test_a_chunk_s_own_error_costs_that_chunk_alone(where: str) -> None:
    model = Model(most=2)
    bad = ValueError("no")
    # The batch, then the first chunk alone, twice; the second chunk works.
    setattr(model, where, [bad, bad, bad] if where == "at_launch" else [bad, bad, None, bad])
    running = Running(model)
    running.chunk(1)
    running.chunk(2)
    running.start()
    assert sorted(running.answers(2)) == [1, 2]
    assert running.errors() == {1: "ValueError: no"}


@pytest.mark.parametrize("where", ["at_launch", "at_result"])
@pytest.mark.parametrize("sticky", [True, False])
def test_a_device_that_does_nothing_any_more_ends_the_worker(where: str, sticky: bool) -> None:
    model = Model()
    model.working = sticky  # or it only shows when it is asked to do something
    text = "CUDA error: unspecified launch failure" if sticky else "cuDNN error: 4"
    setattr(model, where, [None, RuntimeError(text)])
    running = Running(model)
    for number in range(1, 5):
        running.chunk(number)
    running.start()
    running.thread.join(LIMIT)
    assert isinstance(running.error, DeviceLostError)
    assert str(running.error) == f"RuntimeError: {text}"
    assert running._answered() == [1, 2]  # what was whole is answered before the end
    assert running.errors() == {}
