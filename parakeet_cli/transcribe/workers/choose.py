"""Who hears a batch: this process's engine, or several in processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from parakeet_cli import console
from parakeet_cli.audio.decode.media import probe_duration
from parakeet_cli.config import Settings
from parakeet_cli.engine_setup import choose_engine, engine_options, print_engine
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.engines.registry import ENGINES, EngineChoice, make_engine
from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import STDIN_NAME, is_regular
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.jobs import ProgressView, transcribe_jobs
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.workers.dispatcher import WorkerPool, dispatch
from parakeet_cli.transcribe.workers.local import Workers, automatic, visible_gpus
from parakeet_cli.transcribe.workers.worker import Ready, Setup
from parakeet_cli.transcript import FileResult

Ended = Iterator[tuple[PlannedFile, FileResult]]
_LANES_AT_MOST = 64  # threads: more only wait for the one that decodes
_TRIES = 2  # of a file that takes its engine's process along


class BatchRunner(Protocol):
    """Items to results, in any order."""

    def __call__(self, items: Iterable[PlannedFile], view: ProgressView) -> Ended: ...


@contextmanager
def hearing(
    request: TranscribeRequest, settings: Settings, todo: Sequence[PlannedFile]
) -> Iterator[BatchRunner]:
    """The engine, found and named on stderr; what takes time to start is being started.

    Raises EngineUnavailable, UsageError.
    """
    choice = choose_engine(settings)
    options = engine_options(settings, trust_model=request.trust_model)
    whole = request.shown is not None
    setup = Setup(choice.name, options, request.options, whole, console.verbosity())
    count = request.worker_count
    if request.ray and todo:
        with _on_ray(setup, choice, request, count, len(todo)) as ray:
            yield ray
        return
    gpus = visible_gpus() if count != 1 else ()
    count = automatic(options, gpus, len(todo)) if count is None else count
    count = max(1, min(count, len(todo)))
    if count > 1 and _has_stdin(todo):
        raise UsageError("stdin can't be heard by a worker: leave out --workers, or -.")
    engine = make_engine(choice.name, options, concurrency=_lanes(options, todo))
    print_engine(choice, engine.info, f", {count} workers" if count > 1 else "")
    if count == 1 and not _must_survive(choice, request, todo):
        yield partial(_here, engine, request)
        return
    with Workers(setup, count, gpus) as crew:
        yield _Side(crew, count)


def _must_survive(
    choice: EngineChoice, request: TranscribeRequest, todo: Sequence[PlannedFile]
) -> bool:
    """Whether the command must outlive a crash of its one engine.

    A native library can die of a file, which must cost that file alone. A single one is
    heard in this process, which starts sooner; a run has a journal to keep of it, too.
    """
    if ENGINES[choice.name].own_process or _has_stdin(todo) or sys.platform == "win32":
        return False
    return len(todo) > 1 or (bool(todo) and request.run is not None)


def _has_stdin(todo: Iterable[PlannedFile]) -> bool:
    return any(item.job.name == STDIN_NAME for item in todo)


@contextmanager
def _on_ray(
    setup: Setup, choice: EngineChoice, request: TranscribeRequest, count: int | None, items: int
) -> Iterator[BatchRunner]:
    from parakeet_cli.transcribe.workers.ray import Layout, RayWorkerPool, connect, node_resources

    options = setup.engine_options
    ray = connect(request.ray_address, options.cores)
    gpu = choice.name != "mock" and options.device != "cpu"
    layout = Layout.of(node_resources(ray), count, options, gpu=gpu)
    count = max(1, min(layout.count, items))
    said = f", Ray with {count} actors"

    def ready(event: Ready) -> None:
        nonlocal said
        if said:  # the first one speaks for all
            print_engine(choice, event.info, said)
            said = ""

    with RayWorkerPool(ray, setup, layout) as crew:
        yield _Side(crew, count, ready)


def _here(
    engine: Engine, request: TranscribeRequest, items: Iterable[PlannedFile], view: ProgressView
) -> Ended:
    """By this process's own engine: results come in the order of the items."""
    taken: list[PlannedFile] = []

    def noted() -> Iterator[PlannedFile]:
        for item in items:
            taken.append(item)
            yield item

    for result in transcribe_jobs(noted(), engine, request.options, view):
        yield taken.pop(0), result


class _Side:
    """Engines side by side, in processes of their own, which are starting from now on."""

    def __init__(
        self, crew: WorkerPool, count: int, ready: Callable[[Ready], object] = lambda _: None
    ) -> None:
        self._crew = crew
        self._hands = [crew.start() for _ in range(count)]
        self._ready = ready

    def __call__(self, items: Iterable[PlannedFile], view: ProgressView) -> Ended:
        return dispatch(items, self._crew, self._hands, view, tries=_TRIES, ready=self._ready)


def _lanes(options: EngineOptions, todo: Sequence[PlannedFile]) -> int:
    """One lane with every core where there is only one chunk to hear, else one a core."""
    if len(todo) == 1 and todo[0].job.name != STDIN_NAME:
        path = todo[0].job.path
        known = isinstance(path, str) and is_regular(path)
        duration = probe_duration(Path(str(path))) if known else None
        if duration is not None and duration <= 30.0:
            return 1
    return min(options.cores, _LANES_AT_MOST)
