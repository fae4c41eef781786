"""Starts NeMo's worker process, sends it requests, and returns its answers.

Its notes, and everything that its libraries print to stderr, are logged at level INFO;
tracebacks go to a logger of their own, which --debug shows. A worker that is silent for longer
than the sound that it has in hand allows is ended.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import signal
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.engines.memory import NotEnoughMemory
from parakeet_cli.engines.nemo.in_hand import SoundInHand
from parakeet_cli.engines.nemo.worker import messages
from parakeet_cli.engines.silence import STEP_SECONDS
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.system.child_errors import TRACEBACKS, TracebackLines
from parakeet_cli.system.processes import exit_in_words
from parakeet_cli.system.telemetry import ml_environment

FOLDER = Path(__file__).parent / "worker"
_STDERR_LINES = 40  # that an error may quote from
_EXIT_SECONDS = 2.0  # for a worker to exit by itself once its stdin is closed
_log = logging.getLogger(__name__)
_tracebacks = logging.getLogger(TRACEBACKS)


class WorkerDiedError(Exception):
    """The process ended before it answered; the message says how, in plain words.

    `started` says whether the request was being worked on, or that isn't known.
    """

    def __init__(self, message: str, *, started: bool) -> None:
        super().__init__(message)
        self.started = started


class NemoProcess:
    """One process of the ML interpreter with one model. For use by many threads.

    It may be in the place of an `earlier` one, which is taken to be as fast.
    """

    def __init__(self, python: str, earlier: NemoProcess | None = None) -> None:
        self._pending: dict[int, Future[Any]] = {}
        self._started: set[int] = set()  # requests that the worker is working on
        self._numbers = itertools.count(1)
        self._in_hand: SoundInHand = (
            earlier._in_hand.of_the_next_worker() if earlier else SoundInHand()
        )
        self._lock = Condition(Lock())  # for the fields above and `dead`
        self._sending = Lock()  # for the pipe
        self._stderr_lines: deque[str] = deque(maxlen=_STDERR_LINES)
        self.dead = False
        self.graphs: str | None = None  # what the next worker may try, if this one died of them
        self._cause_of_death = ""
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
        atexit.register(self.kill)  # an interrupted program leaves no worker behind
        self._stderr_reader = Thread(target=self._read_stderr, name="nemo-stderr", daemon=True)
        self._stderr_reader.start()
        Thread(target=self._read_answers, name="nemo-answers", daemon=True).start()
        Thread(target=self._end_if_it_hangs, name="nemo-watch", daemon=True).start()

    def runs_on(self, *, gpu: bool) -> None:
        """Note what it was loaded on, by which its speed is guessed until it is measured."""
        self._in_hand.on_gpu = gpu

    @property
    def pid(self) -> int:
        return self._process.pid

    def request(
        self,
        operation: str,
        samples: NDArray[np.float32] | None = None,
        *,
        earlier_seconds: float = 0.0,
        **more: Any,
    ) -> Any:
        """Send one request and wait for its answer.

        `earlier_seconds` are of sound that the worker has already and may work on now.

        Raises EngineError for a failed request, EngineUnavailable for a model or a device that
        can't be used at all, and WorkerDiedError.
        """
        number = next(self._numbers)
        future: Future[Any] = Future()
        with self._lock:
            if self.dead:
                raise WorkerDiedError(f"it had ended before: {self._cause_of_death}", started=False)
            self._pending[number] = future
            seconds = 0.0 if samples is None else len(samples) / SAMPLE_RATE
            self._in_hand.add(number, operation, seconds + earlier_seconds)
            self._lock.notify()
        head = {"operation": operation, "id": number, **more}
        data = b"" if samples is None else _bytes(samples)
        # A dead process leaves a broken pipe; the thread that reads finds out how it died.
        with self._sending, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            messages.send(self._process.stdin, head, data)
            self._process.stdin.flush()
        return future.result()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        protocol_error = ""
        try:
            while (message := messages.receive(self._process.stdout)) is not None:
                self._handle(message[0])
        except (messages.BrokenMessageError, OSError) as error:
            protocol_error = f"it sent something that isn't a message ({error})"
            self._process.kill()
        self._fail_pending(protocol_error or self._describe_exit())

    def _handle(self, answer: dict[str, Any]) -> None:
        if "note" in answer:
            _log.info("%s", answer["note"])
        elif "graphs" in answer:
            self.graphs = answer["graphs"]
        elif "started" in answer:
            with self._lock:
                self._in_hand.progressed()
                self._started.update(answer["started"])
        else:
            with self._lock:
                if self.dead:
                    return  # it was given up, and is not yet gone
                future = self._pending.pop(answer["id"])
                self._started.discard(answer["id"])
                self._in_hand.answered(answer["id"])
            _resolve(future, answer)

    def _end_if_it_hangs(self) -> None:
        """Watch it while it has something to do, until it has died."""
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._pending or self.dead)
                if self.dead:
                    return
                silent = self._in_hand.hangs(self._started)
            if silent is not None:
                self._process.kill()
                # Without waiting for its end: a driver that hangs may delay it for ever.
                self._fail_pending(f"it made no progress for {silent:.0f} s, and was ended")
                return
            time.sleep(STEP_SECONDS)

    def _fail_pending(self, cause: str) -> None:
        """Mark the worker as dead, and raise WorkerDiedError in every waiting thread."""
        atexit.unregister(self.kill)
        with self._lock:
            if self.dead:
                return
            self.dead, self._cause_of_death = True, cause
            self._lock.notify()
            pending, self._pending = self._pending, {}
            started, self._started = self._started, set()
        for number, future in pending.items():
            suspect = number in started or not started
            future.set_exception(WorkerDiedError(cause, started=suspect))

    def _describe_exit(self) -> str:
        code = self._process.wait()
        self._stderr_reader.join(_EXIT_SECONDS)  # its last lines may still be in the pipe
        ended = f"it {exit_in_words(code)}"
        if code == -signal.SIGKILL:
            return f"{ended}; perhaps because memory ran out"
        if code < 0:
            return ended
        last = next((line for line in reversed(self._stderr_lines) if line.strip()), "")
        return ended + (f": {last.strip()}" if last else "")

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        tracebacks = TracebackLines()
        for line in self._process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self._stderr_lines.append(text)
            (_tracebacks if tracebacks.has(text) else _log).info("%s", text)

    def close(self) -> None:
        """Let it exit by itself, or kill it."""
        atexit.unregister(self.kill)
        with self._sending, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it now, and wait for its end."""
        atexit.unregister(self.kill)
        self._process.kill()
        self._process.wait()


def _resolve(future: Future[Any], answer: dict[str, Any]) -> None:
    if "unusable" in answer:
        kind = NotEnoughMemory if answer["memory"] else EngineUnavailable
        future.set_exception(kind(answer["unusable"], hint=answer["hint"]))
    elif "error" in answer:
        future.set_exception(EngineError(f"NeMo failed: {answer['error']}"))
    else:
        future.set_result(answer["result"])


def _bytes(samples: NDArray[np.float32]) -> memoryview:
    return np.ascontiguousarray(samples, np.float32).view(np.uint8).data


def _environment() -> dict[str, str]:
    """This process's environment, with settings that keep libraries from the network."""
    return {
        # Threads that wait by spinning take the cores from those they wait for: with two
        # busy neighbours on two cores, a chunk took three times as long.
        "OMP_WAIT_POLICY": "PASSIVE",
        # oneDNN caches its code for the last 1024 shapes, and most chunks have a new length:
        # three hours took a third more memory than one. With 64 they take the same, as fast.
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
        **ml_environment(),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def default_python() -> str:
    """The interpreter that runs the tool."""
    return sys.executable
