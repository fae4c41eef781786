"""One engine that hears items as they come, in a process of its own or in a Ray actor.

    python -c '...; from parakeet_cli.transcribe.station import main; main()' FD

`main` serves one driver over the connection FD: a `Setup` first, then `Planned` items,
answered by `Ready`, `Reached` and `Ended`. It ends when the connection does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread

from parakeet_cli import console
from parakeet_cli.engines import make_engine
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.errors import ParakeetError
from parakeet_cli.transcribe.inputs import Job
from parakeet_cli.transcribe.outputs import Planned
from parakeet_cli.transcribe.pipeline import Options, transcribe_jobs
from parakeet_cli.transcript import EngineInfo, FileResult, Segment


@dataclass(frozen=True, slots=True)
class Setup:
    """What a station is made from. `whole`: transcripts go back with all their words."""

    engine: str
    engine_options: EngineOptions
    options: Options
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
class Unusable:
    """What stops everything: the engine can't be used, or a fault of the program."""

    error: ParakeetError


Event = Ready | Reached | Ended | Unusable


class Station:
    """Hears what is put into its inbox, and tells how it goes."""

    def __init__(self, setup: Setup, tell: Callable[[Event], object]) -> None:
        options = setup.engine_options
        self._setup = setup
        self._tell = tell
        self._engine: Engine = make_engine(setup.engine, options, lanes=options.cores)
        self._inbox: SimpleQueue[Planned | None] = SimpleQueue()
        self._numbers: dict[int, int] = {}  # by the job's identity
        self._in_hand: list[Planned] = []

    @property
    def ready(self) -> Ready:
        # One item more than lanes: it is decoded while the others are heard.
        return Ready(self._engine.info, self._engine.lanes + 1)

    def put(self, item: Planned | None) -> None:
        """One item more; None is the end."""
        self._inbox.put(item)

    def work(self) -> None:
        """Until the end of the inbox. Raises EngineUnavailable."""
        for result in transcribe_jobs(self._items(), self._engine, self._setup.options, self):
            item = self._in_hand.pop(0)
            self._numbers.pop(id(item.job))
            self._tell(Ended(item.number, result if self._setup.whole else without_words(result)))

    def _items(self) -> Iterator[Planned | None]:
        while True:
            if self._in_hand and self._inbox.empty():
                yield None  # finish what is in hand; nobody knows when more will come
                continue
            item = self._inbox.get()
            if item is None:
                return
            self._in_hand.append(item)
            self._numbers[id(item.job)] = item.number
            yield item

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        self._tell(Reached(self._numbers[id(job)], seconds))

    def ended(self, job: Job, result: FileResult) -> None:
        pass


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
        station = Station(setup, driver.send)
        driver.send(station.ready)
        Thread(target=_receive, args=(driver, station), daemon=True).start()
        station.work()
    except BrokenPipeError:
        pass  # nobody is left to tell
    except ParakeetError as error:
        driver.send(Unusable(error))
    os._exit(0)  # chunks still in work wait for nobody


def _receive(driver: Connection, station: Station) -> None:
    try:
        while True:
            station.put(driver.recv())
    except (EOFError, OSError):
        os._exit(0)  # the driver is gone, and with it whoever wanted this
