"""The tool's end of a worker: one process, requests out, answers in as futures."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import weakref
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker import messages
from parakeet_cli.errors import EngineError, EngineUnavailable

_log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent / "worker"
_SAID = 40  # lines of the worker's own that an error may quote from
_PATIENCE = 2.0  # seconds for a worker to end when it is told that nobody asks any more


class WorkerDiedError(Exception):
    """The process ended before it answered; the message says how, in plain words.

    `begun` says whether it was at this request when it died, or nobody knows.
    """

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


class Worker:
    """One process of the ML interpreter with one model. For use by many threads."""

    def __init__(self, python: str) -> None:
        self._pending: dict[int, Future[Any]] = {}
        self._begun: set[int] = set()
        self._numbers = itertools.count(1)
        self._lock = Lock()  # the books
        self._sending = Lock()  # the pipe
        self._said: deque[str] = deque(maxlen=_SAID)
        self.dead = False
        self._how = ""  # how it ended
        try:
            self._process = subprocess.Popen(
                [python, "-B", str(FOLDER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
            )
        except OSError as error:
            raise EngineUnavailable(
                f"The ML interpreter {python} can't be started: {error.strerror}.",
                hint='--python, PARAKEET_ML_PYTHON or "ml_python" in config.json names it.',
            ) from error
        _ALL.add(self)
        self._listener = Thread(target=self._listen, name="nemo-stderr", daemon=True)
        self._listener.start()
        Thread(target=self._read, name="nemo-answers", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, op: str, sound: NDArray[np.float32] | None = None, **more: Any) -> Any:
        """The answer to one request.

        Raises EngineError for what failed, EngineUnavailable for what can't be used at
        all, WorkerDiedError.
        """
        number = next(self._numbers)
        future: Future[Any] = Future()
        with self._lock:
            if self.dead:
                raise WorkerDiedError(f"it had ended before: {self._how}", begun=False)
            self._pending[number] = future
        head = {"op": op, "id": number, **more}
        data = b"" if sound is None else _bytes(sound)
        # A broken pipe is what a dead process leaves; the reading end says how it died.
        with self._sending, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            messages.send(self._process.stdin, head, data)
            self._process.stdin.flush()
        return future.result()

    def _read(self) -> None:
        assert self._process.stdout is not None
        broken = ""
        try:
            while (message := messages.receive(self._process.stdout)) is not None:
                self._take(message[0])
        except (messages.BrokenMessageError, OSError) as error:
            broken = f"it sent what is no message ({error})"
            self._process.kill()
        self._ended(broken)

    def _take(self, answer: dict[str, Any]) -> None:
        if "note" in answer:
            _log.info("%s", answer["note"])
        elif "begun" in answer:
            with self._lock:
                self._begun.update(answer["begun"])
        else:
            with self._lock:
                future = self._pending.pop(answer["id"])
                self._begun.discard(answer["id"])
            if "unusable" in answer:
                error = EngineUnavailable(answer["unusable"], hint=answer["hint"])
                future.set_exception(error)
            elif "error" in answer:
                future.set_exception(EngineError(f"NeMo failed: {answer['error']}"))
            else:
                future.set_result(answer["result"])

    def _ended(self, broken: str) -> None:
        """Everyone who still waits is told how the process ended."""
        how = broken or self._death()
        with self._lock:
            self.dead, self._how = True, how
            pending, self._pending = self._pending, {}
            begun, self._begun = self._begun, set()
        for number, future in pending.items():
            guilty = number in begun or not begun
            future.set_exception(WorkerDiedError(how, begun=guilty))

    def _death(self) -> str:
        code = self._process.wait()
        self._listener.join(_PATIENCE)  # its last words are still on the way
        if code < 0:
            name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
            said = "; perhaps for want of memory" if -code == signal.SIGKILL else ""
            return f"it was ended by {name}{said}"
        last = next((line for line in reversed(self._said) if line.strip()), "")
        return f"it ended with exit code {code}" + (f": {last.strip()}" if last else "")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self._said.append(text)
            _log.info("%s", text)

    def close(self) -> None:
        """Let it end by itself, or end it."""
        _ALL.discard(self)
        with self._sending, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it now."""
        _ALL.discard(self)
        self._process.kill()
        self._process.wait()


_ALL: weakref.WeakSet[Worker] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    """An interrupted program leaves no worker behind."""
    for worker in list(_ALL):
        worker.kill()


def _bytes(sound: NDArray[np.float32]) -> memoryview:
    return np.ascontiguousarray(sound, np.float32).view(np.uint8).data


def _environment() -> dict[str, str]:
    """Ours, with what keeps libraries from asking a hub or talking to terminals."""
    return {
        # Threads that wait by spinning take the cores from those they wait for: with two
        # busy neighbours on two cores, a chunk took three times as long.
        "OMP_WAIT_POLICY": "PASSIVE",
        # oneDNN keeps what it made for the last 1024 shapes, and chunks have ever new lengths:
        # three hours took a third more memory than one. With 64 they take the same, as fast.
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def default_python() -> str:
    """The interpreter that runs the tool."""
    return sys.executable
