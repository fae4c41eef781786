"""One engine that hears items as they come, in a process of its own or in a Ray actor.

    python -c '...; from parakeet_cli.transcribe.workers.worker import main; main()' FD

`main` serves one driver over the connection FD: a `Setup` first, then `PlannedFile` items,
answered by `Ready`, `Reached` and `Ended`. At None, and where the driver is gone, it ends
as soon as no output is half written.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Lock, Thread

from parakeet_cli import console
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.errors import ParakeetError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.jobs import PipelineOptions, transcribe_jobs
from parakeet_cli.transcript import EngineInfo, FileResult, Segment


@dataclass(frozen=True, slots=True)
class Setup:
    """What a station is made from. `whole`: transcripts go back with all their words."""

    engine: str
    engine_options: EngineOptions
    options: PipelineOptions
    whole: bool
    verbosity: console.Verbosity


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is there; `room` items keep it busy."""

    info: EngineInfo
    room: int


@dataclass(frozen=True, slots=True)
class Reached:
    """Item `number` was heard until so many seconds on its clock."""

    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Item `number` ended so."""

    number: int
    result: FileResult


@dataclass(frozen=True, slots=True)
class Dropped:
    """Item `number` is given up, with nothing written of it: the station was told to stop."""

    number: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """What stops everything: the engine can't be used, or a fault of the program."""

    error: ParakeetError


Event = Ready | Reached | Ended | Dropped | Unusable


class Worker:
    """Hears what is put into its inbox, and tells how it goes."""

    def __init__(self, setup: Setup, tell: Callable[[Event], object]) -> None:
        options = setup.engine_options
        self._setup = setup
        self._tell = tell
        self._engine: Engine = make_engine(setup.engine, options, concurrency=options.cores)
        self._inbox: SimpleQueue[PlannedFile] = SimpleQueue()
        self._in_hand: dict[int, PlannedFile] = {}  # by the job's identity
        self._writing = Lock()

    @property
    def ready(self) -> Ready:
        # One item more than lanes: it is decoded while the others are heard.
        return Ready(self._engine.info, self._engine.concurrency + 1)

    def put(self, item: PlannedFile) -> None:
        """One item more."""
        self._inbox.put(item)

    def work(self) -> None:
        """For ever. Raises EngineUnavailable, and what telling raises."""
        options = self._setup.options
        for _ in transcribe_jobs(self._items(), self._engine, options, self, whole=self._writing):
            pass  # `ended` has told of it

    def stop(self) -> None:
        """Returns once nothing is half written, or written and not told of; so it stays."""
        self._writing.acquire()

    def _items(self) -> Iterator[PlannedFile | None]:
        while True:
            if self._in_hand and self._inbox.empty():
                yield None  # finish what is in hand; nobody knows when more will come
                continue
            item = self._inbox.get()
            self._in_hand[id(item.job)] = item
            yield item

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        self._tell(Reached(self._in_hand[id(job)].number, seconds))

    def ended(self, job: Job, result: FileResult) -> None:
        item = self._in_hand.pop(id(job))
        self._tell(Ended(item.number, result if self._setup.whole else without_words(result)))


def without_words(result: FileResult) -> FileResult:
    """The text alone: words and their times are in the outputs already."""
    heard = result.transcript
    if heard is None:
        return result
    text = Segment(0.0, 0.0, heard.text)
    return replace(result, transcript=replace(heard, segments=(text,) if text.text else ()))


def main() -> None:
    """Serve the driver at the other end of the connection, until it goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to deal with
    driver = Connection(int(sys.argv[1]))
    setup: Setup = driver.recv()
    console.set_verbosity(setup.verbosity)
    try:
        station = Worker(setup, driver.send)
        driver.send(station.ready)
        Thread(target=_receive, args=(driver, station), daemon=True).start()
        station.work()
    except BrokenPipeError:
        pass  # nobody is left to tell
    except ParakeetError as error:
        driver.send(Unusable(error))
    os._exit(0)  # chunks still in work wait for nobody


def _receive(driver: Connection, station: Worker) -> None:
    with suppress(EOFError, OSError):  # the driver is gone, and with it whoever wanted this
        while (item := driver.recv()) is not None:
            station.put(item)
    station.stop()
    os._exit(0)
