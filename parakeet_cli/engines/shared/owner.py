"""Owns the one loaded engine: a queue in front of a process that holds the model."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import StrEnum
from multiprocessing.connection import Connection
from threading import Condition, Lock, Thread

from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared.fair_queue import FairQueue
from parakeet_cli.engines.shared.request import (
    EngineDied,
    EngineProperties,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
    Waiting,
)
from parakeet_cli.engines.shared.worker import Call, Done, Loaded, Made, Unusable, WorkerEvent
from parakeet_cli.errors import EngineUnavailable, ParakeetError
from parakeet_cli.system.hardware import memory_kills
from parakeet_cli.system.processes import exit_in_words, python_command

ENTRY = "from parakeet_cli.engines.shared.worker import main; main()"
_AGAIN = "Send it again: the engine is being loaded again."
_POLL_SECONDS = 1.0  # between two looks, at how long the process has been silent for instance
_FLOOR_SECONDS = 180.0  # that a chunk may take, whatever its length
_SLOWEST = 0.05  # × real time, of engines in use
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds before a process is started again

_log = logging.getLogger(__name__)


class State(StrEnum):
    """What the engine is doing."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


class EngineOwner:
    """An `EngineAccess` whose engine runs in a process.

    If that process dies, the chunks that it had raise EngineError, and another is started for
    those that wait. Interactive requests come before others, and clients in turn. The engine is
    given as many chunks as it takes at once, whoever they belong to.
    """

    def __init__(
        self, setup: EngineSetup, *, on_change: Callable[[State], object] = lambda _: None
    ) -> None:
        self._setup = setup
        self._on_change = on_change
        self._changed = Condition()
        self._queue: FairQueue[Waiting] = FairQueue()
        self._in_hand: dict[int, tuple[Waiting, float]] = {}  # and when each was sent
        self._number = 0
        self._properties: EngineProperties | None = None
        self._runs_on = ""
        self._failure: ParakeetError | None = None
        self._state = State.LOADING
        self._process: _Process | None = None
        self.deaths = 0  # of the process
        self._pause = _FIRST_PAUSE

    def start(self) -> EngineProperties:
        """Start the process, and wait until the engine is made; its model is loaded later.

        Raises EngineUnavailable or UsageError if it can't be used here.
        """
        Thread(target=self._run, name="engine-process", daemon=True).start()
        Thread(target=self._dispatch, name="engine-dispatch", daemon=True).start()
        return self.wait_until_made()

    def wait_until_made(self) -> EngineProperties:
        def made() -> object:
            return self._properties or self._failure or self._state is State.STOPPED

        with self._changed:
            # A signal that comes just before a thread waits is noticed once it looks up.
            while not self._changed.wait_for(made, _POLL_SECONDS):
                pass
            if self._properties is None:
                raise self._failure or _stopped()
            return self._properties

    @property
    def properties(self) -> EngineProperties:
        assert self._properties is not None, "start() comes first"
        return self._properties

    @property
    def is_made(self) -> bool:
        """Whether `start` has returned, or is about to."""
        return self._properties is not None

    @property
    def runs_on(self) -> str:
        """Where the loaded engine runs, in words."""
        return self._runs_on

    @property
    def state(self) -> State:
        return self._state

    @property
    def failure(self) -> ParakeetError | None:
        """Why the engine can't be used."""
        return self._failure

    @property
    def waiting(self) -> int:
        """Chunks that wait."""
        with self._changed:
            return len(self._queue)

    @property
    def in_hand(self) -> int:
        """Chunks that the engine works on."""
        return len(self._in_hand)

    @property
    def pid(self) -> int | None:
        """The process that holds the model."""
        process = self._process
        return None if process is None else process.pid

    def wait_until_loaded(self) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self._state is not State.LOADING)
            if self._state is State.READY:
                return self._runs_on
            raise self._failure or _stopped()

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        waiting = Waiting(request)
        with self._changed:
            if self._state in (State.FAILED, State.STOPPED):
                waiting.fail(self._failure or _stopped())
            else:
                self._queue.put(waiting, request.client, request.priority)
                self._changed.notify_all()
        return waiting.future

    def cancel(self, job: str) -> None:
        with self._changed:
            dropped = self._queue.drop(lambda waiting: waiting.request.job == job)
            dropped += [one for one, _ in self._in_hand.values() if one.request.job == job]
        for waiting in dropped:
            waiting.fail(RequestCancelled())

    def stop(self) -> None:
        """End the process. What is in hand raises EngineUnavailable."""
        with self._changed:
            self._set_state(State.STOPPED)
            process, left = self._process, self._take_everything()
        for waiting in left:
            waiting.fail(_stopped())
        if process is not None:
            process.kill()

    def _take_everything(self) -> list[Waiting]:
        return self._queue.drop() + self._take_in_hand()

    def _take_in_hand(self) -> list[Waiting]:
        left = [waiting for waiting, _ in self._in_hand.values()]
        self._in_hand.clear()
        return left

    def _is_stopped(self) -> bool:
        return self._state is State.STOPPED

    def _set_state(self, state: State) -> None:
        """Change the state, with the lock held; one that was stopped stays so."""
        if self._state is not State.STOPPED and self._state is not state:
            self._state = state
            self._on_change(state)
        self._changed.notify_all()

    # The thread that gives the process its chunks.

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._state is State.STOPPED or self._fits())
                if self._state is State.STOPPED:
                    return
                waiting, process = self._queue.pop(), self._process
                assert waiting is not None
                assert process is not None
                if waiting.future.done():  # its client has left
                    continue
                self._number += 1
                number = self._number
                self._in_hand[number] = (waiting, time.monotonic())
            request = waiting.request
            process.send(Call(number, request.chunk, request.adjustment))

    def _fits(self) -> bool:
        """Whether the process can take the next chunk; with the lock held."""
        following = self._queue.peek()
        if self._state is not State.READY or following is None:
            return False
        if not self._in_hand:
            return True
        if following.request.alone or any(one.request.alone for one, _ in self._in_hand.values()):
            return False
        seconds = sum(waiting.request.chunk.duration for waiting, _ in self._in_hand.values())
        return (
            len(self._in_hand) < self.properties.concurrency
            and seconds + following.request.chunk.duration <= self.properties.max_inflight_seconds
        )

    # The thread that starts the process, reads what it sends, and starts it again.

    def _run(self) -> None:
        while not self._is_stopped():
            process = _Process(self._setup)
            with self._changed:
                self._process = process
                if self._is_stopped():
                    process.kill()
                    return
            self._read(process)
            if self._is_stopped() or self._failure is not None:
                process.kill()
                return
            self._bury(process)
            time.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _read(self, process: _Process) -> None:
        """Deal with the events of a process until it ends."""
        while True:
            event = process.receive(_POLL_SECONDS)
            if event is None:
                self._end_if_it_hangs(process)
                continue
            if isinstance(event, str):
                return
            self._take(event)

    def _take(self, event: WorkerEvent) -> None:
        with self._changed:
            if isinstance(event, Made | Loaded):
                self._properties = event.properties
            if isinstance(event, Loaded):
                self._runs_on = event.runs_on
                self._set_state(State.READY)
            if isinstance(event, Done):
                self._pause = _FIRST_PAUSE  # it works
                waiting, _ = self._in_hand.pop(event.number, (None, 0.0))
            self._changed.notify_all()
        if isinstance(event, Unusable):
            self._fail(event.error)
        if isinstance(event, Done) and waiting is not None:
            if isinstance(event.outcome, ParakeetError):
                waiting.fail(event.outcome)
            else:
                waiting.succeed(event.outcome)

    def _fail(self, error: ParakeetError) -> None:
        with self._changed:
            self._failure = error
            self._set_state(State.FAILED)
            left = self._take_everything()
        for waiting in left:
            waiting.fail(error)

    def _bury(self, process: _Process) -> None:
        """A process has died: fail what it had."""
        why = process.death()
        with self._changed:
            loaded = self._state is State.READY
            self.deaths += 1
            left = self._take_in_hand()
            self._set_state(State.LOADING)
        _log.warning("The engine's process %s. Another is started.", why)
        if not loaded and self._pause >= _LONGEST_PAUSE:
            self._fail(
                EngineUnavailable(
                    f"The engine's process {why} each time that it loaded the model.",
                    hint="`parakeet doctor --deep` looks for the cause.",
                )
            )
        for waiting in left:
            waiting.fail(EngineDied(f"The engine's process {why}.", hint=_AGAIN))

    def _end_if_it_hangs(self, process: _Process) -> None:
        with self._changed:
            if not self._in_hand or self._state is not State.READY:
                return
            seconds = sum(waiting.request.chunk.duration for waiting, _ in self._in_hand.values())
            since = max(sent for _, sent in self._in_hand.values())
        if time.monotonic() - max(since, process.heard) > _FLOOR_SECONDS + seconds / _SLOWEST:
            _log.warning("The engine's process makes no progress, and is ended.")
            process.kill()


class _Process:
    """The process that holds the model, and the connection to it."""

    def __init__(self, setup: EngineSetup) -> None:
        ours, theirs = socket.socketpair()
        self._memory_kills = memory_kills()
        with theirs:
            self._process = subprocess.Popen(
                python_command(ENTRY, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # so that Ctrl-C reaches the owner alone
            )
        self._connection = Connection(ours.detach())
        # What is closed while it is written to may be the next process's by then.
        self._writing = Lock()
        self.heard = time.monotonic()  # when it last sent something
        self.send(setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: object) -> None:
        with self._writing, contextlib.suppress(OSError):  # it has died, which `receive` notices
            self._connection.send(message)

    def receive(self, seconds: float) -> WorkerEvent | str | None:
        """The next event, None if there is none in that time, or a word once it has died."""
        try:
            if not self._connection.poll(seconds):
                return None
            event: WorkerEvent = self._connection.recv()
        except (EOFError, OSError):
            return "dead"
        self.heard = time.monotonic()
        return event

    def death(self) -> str:
        """Wait for its end; how it ended, to follow its name."""
        with self._writing:
            self._connection.close()
        code = self._process.wait()
        if code == -signal.SIGKILL and memory_kills() != self._memory_kills:
            return "was ended by the system because memory was used up"
        return exit_in_words(code)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _stopped() -> EngineUnavailable:
    return EngineUnavailable("The engine was stopped.")
