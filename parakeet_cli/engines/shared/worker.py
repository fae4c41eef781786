"""Holds a model in a process of its own, and transcribes the chunks that its owner sends.

    python -c '...; from parakeet_cli.engines.shared.worker import main; main()' FD

It gets a `WorkerSetup` through the connection FD, answers with `Made` and `Loaded`, then takes
`Call`s and answers each with `Done`. At `Unusable`, and when the owner is gone, it ends.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Lock

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import Adjustable, ChunkResult, DeviceFinder, Engine
from parakeet_cli.engines.registry import make_engine, refuse_unfit
from parakeet_cli.engines.shared.request import Adjustment, EngineProperties, EngineSetup
from parakeet_cli.errors import EngineError, ParakeetError, UsageError
from parakeet_cli.system.processes import leave_signals_to_the_parent

_ADJUSTED = 64  # engines for other options that are kept; all share the model


@dataclass(frozen=True, slots=True)
class Made:
    """The engine can be used here; its model isn't loaded yet."""

    properties: EngineProperties


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is loaded; `runs_on` says where, in words."""

    properties: EngineProperties
    runs_on: str


@dataclass(frozen=True, slots=True)
class Call:
    """Transcribe a chunk."""

    number: int
    chunk: Chunk
    adjustment: Adjustment


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of a call."""

    number: int
    outcome: ChunkResult | ParakeetError


@dataclass(frozen=True, slots=True)
class Unusable:
    """The engine can't be used."""

    error: ParakeetError


WorkerEvent = Made | Loaded | Done | Unusable


class AdjustedEngines:
    """Engines that share one loaded model, by what is asked of them. Threads may share it."""

    def __init__(self, engine: Engine, setup: EngineSetup) -> None:
        self._engine, self._setup = engine, setup
        self._made: OrderedDict[Adjustment, Engine] = OrderedDict()
        self._lock = Lock()

    def get(self, adjustment: Adjustment) -> Engine:
        """The engine for that. Raises UsageError for what it can't honour."""
        options = adjustment.applied(self._setup.options)
        if options == self._setup.options:
            return self._engine
        with self._lock:
            if adjustment not in self._made:
                refuse_unfit(self._setup.name, options.decoding)
                if not isinstance(self._engine, Adjustable):
                    raise UsageError(
                        f"The engine {self._setup.name} can't change its language while it is "
                        "loaded.",
                        option="language",
                    )
                self._made[adjustment] = self._engine.adjusted(options)
                while len(self._made) > _ADJUSTED:
                    self._made.popitem(last=False)
            self._made.move_to_end(adjustment)
            return self._made[adjustment]


def transcribe(engines: AdjustedEngines, chunk: Chunk, adjustment: Adjustment) -> ChunkResult:
    """The chunk's text. Raises ParakeetError, whatever the engine's libraries raise."""
    try:
        return engines.get(adjustment).transcribe(chunk)
    except ParakeetError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise EngineError(f"The engine failed: {reason}") from error


def main() -> None:
    """Work for the owner at the other end of the connection, until it is gone."""
    leave_signals_to_the_parent()
    owner = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):  # the owner is gone
        _work(owner, owner.recv())
    os._exit(0)  # without waiting for the chunks in work


def _work(owner: Connection, setup: EngineSetup) -> None:
    sending = Lock()

    def send(event: WorkerEvent) -> None:
        with sending:
            owner.send(event)

    try:
        engine = make_engine(setup.name, setup.options, concurrency=setup.concurrency)
        send(Made(EngineProperties.of(engine)))
        engine.load()
    except ParakeetError as error:
        send(Unusable(error))
        return
    runs_on = engine.runs_on if isinstance(engine, DeviceFinder) else engine.info.device
    send(Loaded(EngineProperties.of(engine), runs_on))
    engines = AdjustedEngines(engine, setup)

    def run(call: Call) -> None:
        outcome: ChunkResult | ParakeetError
        try:
            outcome = transcribe(engines, call.chunk, call.adjustment)
        except ParakeetError as error:
            outcome = error
        try:
            send(Done(call.number, outcome))
        except OSError:
            os._exit(0)  # the owner is gone

    # Never shut down: that would wait for the chunks in work, which nobody wants any more.
    pool = ThreadPoolExecutor(engine.concurrency, thread_name_prefix="engine")
    while (call := owner.recv()) is not None:
        pool.submit(run, call)
