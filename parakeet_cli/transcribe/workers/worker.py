"""A worker: one engine that transcribes the items it is sent, in a process or a Ray actor.

    python -c '...; from parakeet_cli.transcribe.workers.worker import main; main()' FD

`main` works for the dispatcher at the other end of the connection FD. It gets a
`WorkerSetup` first, then `PlannedFile` items, and answers with `WorkerReady`, `Progressed`
and `Finished`. At `WIND_DOWN` it drops what it hasn't begun and ends after the rest. It ends at
None, and when the dispatcher is gone, as soon as no output is half written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Event, Lock, Thread

from parakeet_cli import console
from parakeet_cli.engine_setup import runs_on
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.errors import ParakeetError
from parakeet_cli.system.files import discard_pending
from parakeet_cli.system.processes import leave_signals_to_the_parent
from parakeet_cli.transcribe.diarizers import make_diarizer
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.feeders import suitable_count
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcript import EngineInfo, FileResult, Segment

MAX_CONCURRENCY = 64  # chunks: more would only wait for the one decoder
WIND_DOWN = "wind down"  # what the dispatcher sends
CORES_EACH = 4  # that one process keeps busy, before its own interpreter lock limits it


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker is made from.

    With `full_transcripts` its results have all words and times, else the text alone.
    `max_items` is how many it is given at once, at most; `feeders` None is as many as suit its
    engine. With `loads_at_once` the engine doesn't wait for the first item.
    """

    engine: str
    engine_options: EngineOptions
    options: PipelineOptions
    full_transcripts: bool
    verbosity: console.Verbosity
    max_items: int = sys.maxsize
    feeders: int | None = None
    loads_at_once: bool = False


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """The engine can be used; `capacity` items keep it busy."""

    info: EngineInfo
    capacity: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The engine's model is loaded; `runs_on` says where, in words."""

    info: EngineInfo
    runs_on: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """Item `number` is transcribed up to `seconds` on its source's clock."""

    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Item `number` has its result."""

    number: int
    result: FileResult


@dataclass(frozen=True, slots=True)
class Dropped:
    """Item `number` is given up without any output, because the worker had to stop."""

    number: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """An error that stops the whole batch: the engine can't be used, or a bug."""

    error: ParakeetError


WorkerEvent = WorkerReady | Loaded | Progressed | Finished | Dropped | Unusable


class Worker:
    """Transcribes the items put into its inbox, and sends events."""

    def __init__(self, setup: WorkerSetup, send: Callable[[WorkerEvent], object]) -> None:
        options = setup.engine_options
        self._setup = setup
        self._send = send
        self._engine: Engine = make_engine(setup.engine, options, concurrency=MAX_CONCURRENCY)
        speakers = setup.options.speakers
        self._diarizer = make_diarizer(setup.options.speakers_model, options, speakers)
        self._feeders = suitable_count(setup.feeders, self._engine, options.cores)
        self._inbox: SimpleQueue[PlannedFile | None] = SimpleQueue()  # None: look at `_ending`
        self._ending = Event()
        self._in_work: dict[int, PlannedFile] = {}  # by the job's identity
        self._writing = Lock()

    @property
    def ready(self) -> WorkerReady:
        # One item more than the engine takes: it is decoded while the others are transcribed.
        most = max(self._engine.concurrency, 2 * self._feeders) + 1
        capacity = min(most, self._setup.max_items)
        return WorkerReady(self._engine.info, capacity)

    def put(self, item: PlannedFile) -> None:
        """Add an item to the inbox."""
        self._inbox.put(item)

    def work(self) -> None:
        """Transcribe until the process ends or winds down.

        Raises EngineUnavailable, and what `send` raises.
        """
        results = transcribe_jobs(
            self._items(),
            self._engine,
            self._setup.options,
            self,
            feeders=self._feeders,
            while_writing=self._writing,
            on_loaded=lambda engine: self._send(Loaded(engine.info, runs_on(engine))),
            loads_at_once=self._setup.loads_at_once,
            diarizer=self._diarizer,
        )
        for _ in results:
            pass  # `ended` has sent it

    def wind_down(self) -> None:
        """Begin nothing more: `work` drops what is in the inbox, and returns after the rest."""
        self._ending.set()
        self._inbox.put(None)

    def stop(self) -> None:
        """Wait until every output in its place is reported, and keep it that way."""
        self._writing.acquire()
        discard_pending()

    def _items(self) -> Iterator[PlannedFile | None]:
        while not self._ending.is_set():
            if self._in_work and self._inbox.empty():
                yield None  # finish these first: another item may be long in coming
                continue
            item = self._inbox.get()
            if item is not None and not self._ending.is_set():
                self._in_work[id(item.job)] = item
                yield item
            elif item is not None:
                self._send(Dropped(item.number))
        while not self._inbox.empty():
            if (item := self._inbox.get()) is not None:
                self._send(Dropped(item.number))

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        self._send(Progressed(self._in_work[id(job)].number, seconds))

    def ended(self, job: Job, result: FileResult) -> None:
        item = self._in_work.pop(id(job))
        full = self._setup.full_transcripts
        self._send(Finished(item.number, result if full else without_words(result)))


def without_words(result: FileResult) -> FileResult:
    """The result with its text alone: words and their times are in the outputs already."""
    transcript = result.transcript
    if transcript is None:
        return result
    text = Segment(0.0, 0.0, transcript.text)
    return replace(result, transcript=replace(transcript, segments=(text,) if text.text else ()))


def main() -> None:
    """Work for the dispatcher at the other end of the connection, until it is gone."""
    leave_signals_to_the_parent()
    dispatcher = Connection(int(sys.argv[1]))
    try:
        setup: WorkerSetup = dispatcher.recv()
    except EOFError:
        return  # the dispatcher is gone already
    console.set_verbosity(setup.verbosity)
    try:
        worker = Worker(setup, dispatcher.send)
        dispatcher.send(worker.ready)
        Thread(target=_receive, args=(dispatcher, worker), daemon=True).start()
        worker.work()
    except BrokenPipeError:
        pass  # the dispatcher is gone
    except ParakeetError as error:
        dispatcher.send(Unusable(error))
    os._exit(0)  # without waiting for the chunks in work


def _receive(dispatcher: Connection, worker: Worker) -> None:
    with suppress(EOFError, OSError):  # the dispatcher is gone, and with it the need for results
        while (item := dispatcher.recv()) is not None:
            if item == WIND_DOWN:
                worker.wind_down()
            else:
                worker.put(item)
    worker.stop()
    os._exit(0)
