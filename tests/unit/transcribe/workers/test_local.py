from __future__ import annotations

import os
import signal
from itertools import count

import pytest

from parakeet_cli import console
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.workers import local
from parakeet_cli.transcribe.workers.dispatcher import WorkerDied
from parakeet_cli.transcribe.workers.local import WorkerProcess, automatic_count, share_of
from parakeet_cli.transcribe.workers.worker import WorkerSetup

SETUP = WorkerSetup("mock", EngineOptions(), PipelineOptions(), False, console.Verbosity())
KILLED = f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})"


@pytest.mark.parametrize(
    ("kills", "cause"),
    [
        (count(7), "the system ended it because memory was used up"),
        (iter([7] * 9), "it was ended by SIGKILL"),
    ],
)
def test_a_process_that_was_killed_for_memory_says_so(
    kills: object, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "ENTRY", KILLED)
    monkeypatch.setattr(local, "memory_kills", lambda: next(kills))  # type: ignore[call-overload]
    event = WorkerProcess(SETUP, 0).receive()
    assert isinstance(event, WorkerDied)
    assert cause in event.cause


def test_a_stopped_process_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ENTRY", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    process = WorkerProcess(SETUP, 0)
    os.waitid(os.P_PID, process._process.pid, os.WSTOPPED | os.WNOWAIT)
    process.kill()
    event = process.receive()
    assert isinstance(event, WorkerDied)
    assert "SIGKILL" in event.cause


def test_workers_share_the_cores_and_the_gpus() -> None:
    options = EngineOptions(threads=7)
    assert [share_of(options, place, 3).threads for place in range(3)] == [3, 2, 2]
    assert share_of(EngineOptions(threads=1), 1, 4).threads == 1
    gpus = ("cuda:0", "cuda:1")
    assert [share_of(options, place, 4, gpus).device for place in range(4)] == [*gpus, *gpus]
    assert share_of(EngineOptions(device="cpu"), 0, 2, gpus).device == "cpu"
    assert automatic_count(options, gpus, 100) == 2
    assert automatic_count(EngineOptions(device="cuda:1"), gpus, 100) == 1
    assert automatic_count(EngineOptions(threads=1), (), 100) == 1
    assert automatic_count(EngineOptions(threads=64), (), 1) == 1


def test_engines_that_share_a_gpu_or_the_cpu_know_how_many_they_are() -> None:
    gpus = ("cuda:0", "cuda:1")
    options = EngineOptions(threads=8)
    assert [share_of(options, place, 5, gpus).sharers for place in range(5)] == [3, 2, 3, 2, 3]
    assert share_of(options, 0, 2, gpus).sharers == 1
    for device in ("cpu", "cuda:1"):
        assert share_of(EngineOptions(device=device), 1, 3, gpus).sharers == 3
    assert share_of(EngineOptions(), 1, 3).sharers == 3


def test_each_worker_sees_its_own_part_of_a_gpu() -> None:
    parts = ("MIG-5c89", "MIG-0d3f")
    assert {share_of(EngineOptions(), place, 2, parts).device for place in (0, 1)} == {"cuda:0"}
