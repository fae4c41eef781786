"""Tests how the worker process starts, fails and ends, without a model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo import in_hand, process
from parakeet_cli.engines.nemo.process import NemoProcess, WorkerDiedError
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.errors import EngineError, EngineUnavailable

LIMIT = 60.0  # seconds for a process to be gone


@pytest.fixture
def worker() -> Iterator[NemoProcess]:
    started = NemoProcess(sys.executable)
    yield started
    started.close()


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # a zombie has ended


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + LIMIT
    while is_running(pid):
        assert time.monotonic() < deadline, f"the worker {pid} is still there"
        time.sleep(0.05)


def test_a_failed_request_is_an_error_and_the_worker_continues(worker: NemoProcess) -> None:
    for _ in range(2):
        with pytest.raises(EngineError, match="NeMo failed: AttributeError"):
            worker.request("nonsense")
    assert not worker.dead


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_dead_worker_s_error_names_the_signal(
    worker: NemoProcess, number: signal.Signals
) -> None:
    with pytest.raises(EngineError):
        worker.request("nonsense")  # it has begun to listen
    os.kill(worker.pid, signal.SIGSTOP)
    os.kill(worker.pid, number)
    os.kill(worker.pid, signal.SIGCONT)
    with pytest.raises(WorkerDiedError, match=f"{number.name}|ended before") as died:
        worker.request("nonsense")
    wait_for_end(worker.pid)
    assert worker.dead or died.value.started
    with pytest.raises(WorkerDiedError, match="ended before"):
        worker.request("nonsense")


def test_a_worker_that_stands_still_is_ended_and_says_so(
    worker: NemoProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineError):
        worker.request("nonsense")  # it has begun to listen
    monkeypatch.setattr(in_hand, "FLOOR_SECONDS", 0.5)
    monkeypatch.setattr(process, "STEP_SECONDS", 0.1)
    os.kill(worker.pid, signal.SIGSTOP)
    # More than a pipe holds: the request can't even be sent.
    sound = np.zeros(200_000, np.float32)
    monkeypatch.setattr(in_hand, "SLACK", 0.0)
    with pytest.raises(WorkerDiedError, match=r"made no progress for \d+ s, and was ended") as died:
        worker.request("nonsense", sound)
    assert died.value.started
    assert worker.dead
    wait_for_end(worker.pid)
    with pytest.raises(WorkerDiedError, match="ended before: it made no progress"):
        worker.request("nonsense")


def test_a_model_that_takes_long_to_load_is_waited_for(
    worker: NemoProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineError):
        worker.request("nonsense")
    monkeypatch.setattr(in_hand, "FLOOR_SECONDS", 0.05)
    monkeypatch.setattr(process, "STEP_SECONDS", 0.01)
    os.kill(worker.pid, signal.SIGSTOP)
    answered = threading.Thread(target=load_nothing, args=(worker,))
    answered.start()
    time.sleep(1)  # many looks at the clock
    assert not worker.dead
    os.kill(worker.pid, signal.SIGCONT)
    answered.join(LIMIT)
    assert not answered.is_alive()
    assert not worker.dead


def load_nothing(worker: NemoProcess) -> None:
    with suppress(EngineUnavailable):
        worker.request("load", model={})


def test_closing_ends_the_process(worker: NemoProcess) -> None:
    assert is_running(worker.pid)
    worker.close()
    assert not is_running(worker.pid)


def test_a_worker_does_not_outlive_the_tool_however_that_dies() -> None:
    code = (
        "import os, signal, sys; from parakeet_cli.engines.nemo.process import NemoProcess; "
        "print(NemoProcess(sys.executable).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    wait_for_end(int(done.stdout))


def options(tmp_path: Path, python: Path | str) -> EngineOptions:
    model = tmp_path / "model.nemo"
    model.write_bytes(b"")
    # Trusted, so that the file, which isn't a model, isn't scanned first.
    return EngineOptions(model=str(model), ml_python=str(python), trust_model=True)


@pytest.mark.parametrize("name", ["missing", "folder", "data.txt"])
def test_a_path_that_is_not_an_interpreter_is_refused_before_anything_starts(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "data.txt").write_text("no program")
    with pytest.raises(EngineUnavailable, match=name) as refused:
        make_engine("nemo", options(tmp_path, tmp_path / name), concurrency=1)
    assert "parakeet setup --list" in (refused.value.hint or "")


def test_a_program_that_is_not_python_is_refused(tmp_path: Path) -> None:
    engine = make_engine("nemo", options(tmp_path, "/bin/false"), concurrency=1)
    with pytest.raises(EngineUnavailable, match="exit code 1"):
        engine.load()


def test_an_interpreter_without_the_stack_is_named_with_a_command_to_type(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare")
    python = tmp_path / "bare" / "bin" / "python"
    with pytest.raises(EngineUnavailable, match="nemo-toolkit and torch") as refused:
        make_engine("nemo", options(tmp_path, python), concurrency=1)
    assert "parakeet doctor" in (refused.value.hint or "")
    assert str(python) in (refused.value.hint or "")
