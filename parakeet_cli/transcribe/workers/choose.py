"""Chooses where a batch runs: in this process, in worker processes, or on Ray."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from parakeet_cli import console
from parakeet_cli.audio.decode.media import probe_duration
from parakeet_cli.engine_setup import EngineLine
from parakeet_cli.engines.base import Engine, EngineChoice, EngineOptions
from parakeet_cli.engines.registry import ENGINES, make_engine
from parakeet_cli.errors import UsageError
from parakeet_cli.system.hardware import visible_gpus
from parakeet_cli.transcribe.diarizers import Diarizer, open_diarizer
from parakeet_cli.transcribe.inputs.storage import is_regular
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.feeders import suitable_count
from parakeet_cli.transcribe.pipeline.interrupts import GRACE_SECONDS, finish_within
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcribe.workers.dispatcher import WorkerPool, dispatch
from parakeet_cli.transcribe.workers.local import LocalWorkerPool, automatic_count
from parakeet_cli.transcribe.workers.worker import MAX_CONCURRENCY, Loaded, WorkerSetup
from parakeet_cli.transcript import FileResult

ItemResults = Iterator[tuple[PlannedFile, FileResult]]
_FEW_ITEMS = 16  # that one of several workers may have in any case
_ATTEMPTS = 2  # at a file that crashes its engine's process
_ONE_CHUNK_SECONDS = 30.0  # a recording up to that long is a single chunk


class BatchRunner(Protocol):
    """Transcribes items, and yields each with its result, in any order.

    None among the items means that the next one isn't known yet.
    """

    def __call__(self, items: Iterable[PlannedFile | None], view: ProgressView) -> ItemResults: ...


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a batch is to run.

    `workers` None means as many as fit, `feeders` None as many as suit the engine. A `resumable`
    batch has a journal that even a crash must reach. With `full_transcripts` the results have all
    words, not only the text. `grace` is how many seconds what was begun has at SIGTERM and SIGHUP.
    In an `endless` batch the items that are known aren't all: its engine is loaded at once, and
    waits for more.
    """

    workers: int | None = 1
    feeders: int | None = None
    ray: bool = False
    ray_address: str | None = None
    resumable: bool = False
    full_transcripts: bool = False
    grace: float = GRACE_SECONDS
    endless: bool = False


@contextmanager
def open_runner(
    items: Sequence[PlannedFile],
    choice: EngineChoice,
    engine_options: EngineOptions,
    options: PipelineOptions,
    placement: Placement,
) -> Iterator[BatchRunner]:
    """A runner for these items; its engines begin to load, and stderr shows which they are.

    Raises EngineUnavailable, UsageError.
    """
    setup = WorkerSetup(
        choice.name,
        engine_options,
        options,
        placement.full_transcripts,
        console.verbosity(),
        feeders=placement.feeders,
        loads_at_once=placement.endless,
    )
    if placement.ray and items:
        with _open_ray_runner(items, choice, setup, placement) as runner:
            yield runner
        return
    workers = _workers_of(placement)
    gpus = visible_gpus() if workers != 1 else ()
    most = sys.maxsize if placement.endless else len(items)
    count = workers or automatic_count(engine_options, gpus, most)
    count = max(1, min(count, most))
    if count == 1 and placement.endless and sys.platform != "win32":
        with _open_common_runner(choice, setup, placement) as runner:
            yield runner
        return
    if count > 1 and _has_stdin(items):
        raise UsageError("A worker process can't read stdin: leave out --workers, or -.")
    concurrency = MAX_CONCURRENCY if placement.endless else _concurrency(items)
    engine = make_engine(choice.name, engine_options, concurrency=concurrency)
    line = EngineLine(choice, f", {count} workers" if count > 1 else "")
    line.made(engine)
    if count == 1 and not _needs_process(choice, items, placement):
        asked = 1 if concurrency == 1 else placement.feeders  # for a single chunk
        feeders = suitable_count(asked, engine, engine_options.cores)
        with open_diarizer(options.speakers_model, engine_options, options.speakers) as diarizer:
            yield partial(_run_here, engine, setup, line, placement.grace, feeders, diarizer)
        return
    setup = replace(setup, max_items=_fair_share(len(items), count))
    with LocalWorkerPool(setup, count, gpus) as pool:
        yield _PoolRunner(pool, count, line, placement.grace)


@contextmanager
def _open_common_runner(
    choice: EngineChoice, setup: WorkerSetup, placement: Placement
) -> Iterator[BatchRunner]:
    """For what lasts: the engine that the user's processes share, in a process of its own."""
    from parakeet_cli.engines.shared.access import common_engine
    from parakeet_cli.engines.shared.request import EngineSetup

    options, asked = setup.engine_options, setup.options
    with (
        common_engine(EngineSetup(choice.name, options, MAX_CONCURRENCY), "watch") as engine,
        open_diarizer(asked.speakers_model, options, asked.speakers) as diarizer,
    ):
        line = EngineLine(choice)
        line.made(engine)
        feeders = suitable_count(placement.feeders, engine, options.cores)
        yield partial(_run_here, engine, setup, line, placement.grace, feeders, diarizer)


def _workers_of(placement: Placement) -> int | None:
    """How many worker processes were asked for, None for as many as suit. Raises UsageError."""
    system: str = sys.platform  # annotated, or mypy takes the other systems for unreachable
    if system != "win32":
        return placement.workers
    if (placement.workers or 1) > 1:  # Windows passes no open socket to a child
        raise UsageError(
            "On Windows there is one worker: leave out --workers.",
            hint="In WSL there are as many as you like.",
        )
    return 1


def _needs_process(
    choice: EngineChoice, items: Sequence[PlannedFile], placement: Placement
) -> bool:
    """Whether the only engine must run in a worker process.

    A file can crash a native library and must not take other files with it, so batches and
    runs use a worker process. A single file is done in this process because that starts faster.
    """
    if ENGINES[choice.name].own_process or _has_stdin(items) or sys.platform == "win32":
        return False
    return len(items) > 1 or (bool(items) and placement.resumable)


def _has_stdin(items: Iterable[PlannedFile]) -> bool:
    return any(item.job.is_stdin for item in items)


@contextmanager
def _open_ray_runner(
    items: Sequence[PlannedFile], choice: EngineChoice, setup: WorkerSetup, placement: Placement
) -> Iterator[BatchRunner]:
    from parakeet_cli.transcribe.workers.ray import (
        ActorLayout,
        RayWorkerPool,
        connect,
        node_resources,
    )

    options = setup.engine_options
    ray = connect(placement.ray_address, options.cores)
    gpu = choice.name != "mock" and options.device != "cpu"
    layout = ActorLayout.of(node_resources(ray), placement.workers, options, gpu=gpu)
    count = max(1, min(layout.count, len(items)))
    line = EngineLine(choice, f", Ray with {count} actors")
    setup = replace(setup, max_items=_fair_share(len(items), count))
    with RayWorkerPool(ray, setup, layout) as pool:
        yield _PoolRunner(pool, count, line, placement.grace)


def _fair_share(items: int, workers: int) -> int:
    """How many items a worker may have at once, so that none has all and another none."""
    return max(_FEW_ITEMS, items // (2 * workers)) if workers > 1 else sys.maxsize


def _run_here(
    engine: Engine,
    setup: WorkerSetup,
    line: EngineLine,
    grace: float,
    feeders: int,
    diarizer: Diarizer | None,
    items: Iterable[PlannedFile | None],
    view: ProgressView,
) -> ItemResults:
    """Decode in this process, for an engine that is here or shared: results come in order."""
    taken: list[PlannedFile] = []

    def remember_taken() -> Iterator[PlannedFile | None]:
        for item in items:
            if stop.number is not None:
                return
            if item is not None:
                taken.append(item)
            yield item

    def loaded(engine: Engine) -> None:
        line.loaded(engine)
        stop.has_begun = True

    with finish_within(grace) as stop:
        stop.has_begun = not setup.loads_at_once
        results = transcribe_jobs(
            remember_taken(),
            engine,
            setup.options,
            view,
            feeders=feeders,
            on_loaded=loaded,
            loads_at_once=setup.loads_at_once,
            diarizer=diarizer,
        )
        for result in results:
            yield taken.pop(0), result
    stop.raise_if_asked()


class _PoolRunner:
    """Runs items in a pool's workers, which start when this is made."""

    def __init__(self, pool: WorkerPool, count: int, line: EngineLine, grace: float) -> None:
        self._pool = pool
        self._grace = grace
        self._handles = [pool.start() for _ in range(count)]
        self._line = line

    def __call__(self, items: Iterable[PlannedFile | None], view: ProgressView) -> ItemResults:
        return dispatch(
            items,
            self._pool,
            self._handles,
            view,
            attempts=_ATTEMPTS,
            on_loaded=self._on_loaded,
            grace=self._grace,
        )

    def _on_loaded(self, event: Loaded) -> None:
        self._line.print(event.info, event.runs_on)


def _concurrency(items: Sequence[PlannedFile]) -> int:
    """1 if there is only one chunk to transcribe; else more than any engine takes by its cores."""
    if len(items) == 1 and not items[0].job.is_stdin:
        path = items[0].job.path
        regular = isinstance(path, str) and is_regular(path)
        duration = probe_duration(Path(str(path))) if regular else None
        if duration is not None and duration <= _ONE_CHUNK_SECONDS:
            return 1
    return MAX_CONCURRENCY
