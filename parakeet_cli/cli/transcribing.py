"""What `parakeet transcribe` does once its options are known, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.media import probe_duration, warm_up
from parakeet_cli.cli.dry_run import show_plan
from parakeet_cli.cli.progress import Screen, make_view
from parakeet_cli.cli.record import InOrder, Manifest
from parakeet_cli.cli.request import Request
from parakeet_cli.cli.summary import show_summary
from parakeet_cli.cli.tally import Tally
from parakeet_cli.config import Settings
from parakeet_cli.engines import choose, make_engine
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.inputs import STDIN_NAME, find_jobs, is_regular
from parakeet_cli.transcribe.outputs import Planned, check_apart, plan_outputs
from parakeet_cli.transcribe.pipeline import transcribe_jobs
from parakeet_cli.transcribe.planning import Batch, longest_first, measured, settle, usable_cores
from parakeet_cli.transcribe.spool import Spool
from parakeet_cli.transcript import FileResult

_LANES_AT_MOST = 64  # threads: more only wait for the one that decodes

Ended = Iterator[tuple[Planned, FileResult]]


def run(request: Request, settings: Settings) -> int:
    """The exit code. Raises ParakeetError for what stops everything."""
    for warning in settings.warnings:
        console.info(f"Warning: {warning}")
    request.check()
    jobs = find_jobs(request.inputs)
    folder = Path(request.folder or ".").expanduser()
    planned = plan_outputs(jobs, request.written, folder, request.template)
    record_to = Path(request.manifest_out).expanduser() if request.manifest_out else None
    if record_to is not None:
        check_apart(record_to, request.inputs, planned)
    batch = settle(planned, request.options)
    if request.dry_run:
        return show_plan(tuple(measured(batch.todo, cores=usable_cores())), batch.settled)
    if batch.todo:
        warm_up()  # the decoder starts while the engine is being imported
    engine = _engine(request, settings, batch.todo)
    tally = Tally(len(planned))
    with ExitStack() as stack:
        manifest = None
        if record_to is not None:
            manifest = Manifest(record_to, stack.enter_context(Spool()))
        try:
            with make_view(len(planned)) as view:
                _hear(batch, engine, request, view, tally, manifest)
        except KeyboardInterrupt:
            if manifest is not None:
                manifest.write()
            _say_how_to_go_on(tally, bool(request.written))
            return ExitCode.INTERRUPTED
        if manifest is not None:
            manifest.write()
    show_summary(tally)
    return tally.exit_code(allow_partial=request.allow_partial)


def _hear(
    batch: Batch,
    engine: Engine,
    request: Request,
    view: Screen,
    tally: Tally,
    manifest: Manifest | None,
) -> None:
    """Everything that is to be heard, with its results shown and kept as they come."""
    shown = request.shown

    def keep(item: Planned, result: FileResult) -> None:
        if manifest is not None:
            manifest.add(item, result)
        tally.add(item.number, result)

    for item, result in batch.settled:
        view.ended(item.job, result)
        keep(item, result)
    todo: Sequence[Planned] = batch.todo
    if shown is None and len(todo) > 1:
        todo = _in_the_best_order(todo, view)
    texts = InOrder(todo, lambda text, first: view.print(text, first=first))
    for item, result in _here(todo, engine, request, view):
        if shown is not None:
            heard = result.transcript
            texts.add(item.number, shown.render(heard, request.options.shape) if heard else None)
        keep(item, result)


def _in_the_best_order(todo: Sequence[Planned], view: Screen) -> list[Planned]:
    total = len(todo)
    lengths = measured(todo, cores=usable_cores(), told=lambda count: view.measuring(count, total))
    items = longest_first(lengths)
    view.planned(sum(item.seconds or 0.0 for item in items))
    return items


def _here(todo: Sequence[Planned], engine: Engine, request: Request, view: Screen) -> Ended:
    """By this process's own engine: results come in the order of the items."""
    results = transcribe_jobs(todo, engine, request.options, view)
    yield from zip(todo, results, strict=True)


def warn_of_trust() -> None:
    """Said every time, --quiet or not: no setting and no variable can ask for it."""
    console.note(
        "Warning: --trust-model: the model is loaded whatever is in it, and can do all that "
        "you can on this machine.",
        style="bold yellow",
    )


def _engine(request: Request, settings: Settings, todo: Sequence[Planned]) -> Engine:
    if request.trust_model:
        warn_of_trust()
    choice = choose(settings.engine, settings.origins.get("engine", "default"), settings)
    options = EngineOptions(
        model=settings.model,
        device=settings.device,
        language=settings.language,
        beam_size=settings.beam_size,
        threads=settings.threads,
        offline=settings.offline,
        ml_python=settings.ml_python,
        progress=console.shows_progress(),
        trust_model=request.trust_model,
        say=console.detail,
    )
    engine = make_engine(choice.name, options, lanes=_lanes(options, todo))
    info = engine.info
    console.info(f"Engine: {info.name} {info.model} on {info.device} ({choice.reason}).")
    return engine


def _lanes(options: EngineOptions, todo: Sequence[Planned]) -> int:
    """One lane with every core where there is only one chunk to hear, else one a core."""
    if len(todo) == 1 and todo[0].job.name != STDIN_NAME:
        path = todo[0].job.path
        duration = probe_duration(path) if is_regular(path) else None
        if duration is not None and duration <= 30.0:
            return 1
    return min(options.cores, _LANES_AT_MOST)


def _say_how_to_go_on(tally: Tally, writes: bool) -> None:
    console.note(f"Interrupted: {tally.done} of {tally.total} files are done and kept.")
    if writes:
        console.note("  The same command with --skip-existing, and not --overwrite, goes on.")
