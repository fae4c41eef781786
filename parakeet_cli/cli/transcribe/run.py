"""What `parakeet transcribe` does once its options are known, and what it shows."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.cli.transcribe.dry_run import show_plan
from parakeet_cli.cli.transcribe.progress import Screen, make_view
from parakeet_cli.cli.transcribe.summary import show_summary
from parakeet_cli.config import Settings
from parakeet_cli.errors import ExitCode
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.inputs.storage import forget_listings, to_place
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile, check_apart, folders, plan_outputs
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.manifest_writer import InOrder, Manifest
from parakeet_cli.transcribe.run.run_folder import EarlierResult, RunFolder, run_folder
from parakeet_cli.transcribe.run.schedule import (
    Batch,
    Shard,
    longest_first,
    measured,
    settle,
    usable_cores,
)
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcribe.workers.choose import BatchRunner, hearing
from parakeet_cli.transcript import FileResult, Status


def transcribe_request(request: TranscribeRequest, settings: Settings) -> int:
    """The exit code. Raises ParakeetError for what stops everything."""
    for warning in settings.warnings:
        console.info(f"Warning: {warning}")
    request.check()
    with ExitStack() as stack:
        folder = None
        if request.run_folder is not None and (request.run_folder.exists() or not request.dry_run):
            opened = run_folder(request.run_folder, request.fingerprint(settings))
            folder = stack.enter_context(opened)
        if folder is not None:
            warm_up()  # a long plan takes a second, and the decoder starts beside it
        with _all_is_kept():
            planned = _plan(request, folder.date if folder else None)
            earlier, left = (
                folder.split(planned, retry_failed=request.retry_failed)
                if folder
                else ([], planned)
            )
            batch = settle(left, request.options)
        if request.dry_run:
            lengths = tuple(measured(batch.todo, cores=usable_cores()))
            before = [(one.item, _not_again(one)) for one in earlier]
            return show_plan(lengths, [*batch.settled, *before])
        if batch.todo:
            warm_up()  # the decoder starts while the engine is being imported
            clear_leftovers(folders(batch.todo))
        hear = stack.enter_context(hearing(request, settings, batch.todo))
        spool = folder.spool if folder else stack.enter_context(LineStore())
        work = _Work(request, hear, folder, Manifest(request.record_to, spool), len(planned))
        try:
            with make_view(len(planned)) as view:
                work.do(batch, earlier, view)
        except KeyboardInterrupt:
            work.manifest.write()
            _say_how_to_go_on(work.tally, request)
            return ExitCode.INTERRUPTED
        work.manifest.write()
    show_summary(work.tally)
    return work.tally.exit_code(allow_partial=request.allow_partial)


@contextmanager
def _all_is_kept() -> Iterator[None]:
    """Garbage is not looked for among what is made here, while it is made and later."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _plan(request: TranscribeRequest, today: str | None) -> list[PlannedFile]:
    """Every input of this shard with its outputs; refused where two would be one."""
    forget_listings()
    jobs = find_jobs(request.inputs)
    folder = to_place(request.folder or ".")
    planned = plan_outputs(jobs, request.written, folder, request.template, today=today)
    if request.record_to is not None:
        check_apart(request.record_to, request.inputs, planned)
    if request.shard is None:
        return planned
    shard = Shard.parsed(request.shard)
    return [item for item in planned if shard.has(item.job)]


def _not_again(earlier: EarlierResult) -> FileResult:
    reason = f"{earlier.result.status} in an earlier session"
    return replace(earlier.result, status=Status.SKIPPED, reason=reason)


class _Work:
    """What there is to do, and everything that wants to know how it ended."""

    def __init__(
        self,
        request: TranscribeRequest,
        hearing: BatchRunner,
        folder: RunFolder | None,
        manifest: Manifest,
        total: int,
    ) -> None:
        self.tally = BatchStats(total)
        self.manifest = manifest
        self._request = request
        self._hearing = hearing
        self._folder = folder

    def do(self, batch: Batch, earlier: Sequence[EarlierResult], view: Screen) -> None:
        for one in earlier:
            self.manifest.add_earlier(one)
            self.tally.add_earlier(one)
        for item, result in batch.settled:
            view.ended(item.job, result)
            self.manifest.add(item, result)
            self.tally.add(item.number, result)
        shown = self._request.shown
        todo: Sequence[PlannedFile] = batch.todo
        if shown is None and len(todo) > 1:
            todo = _in_the_best_order(todo, view)
        if self._folder is not None:
            self._folder.plan(self.tally.total, sum(item.seconds or 0.0 for item in todo))
        texts = InOrder(todo, lambda text, first: view.print(text, first=first))
        for item, result in self._hearing(self._begun(todo), view):
            if shown is not None:
                heard = result.transcript
                layout = self._request.options.format_options
                texts.add(item.number, shown.render(heard, layout) if heard else None)
            line = self.manifest.add(item, result)
            if self._folder is not None:
                self._folder.ended(item, result, line)
            self.tally.add(item.number, result)

    def _begun(self, todo: Iterable[PlannedFile]) -> Iterator[PlannedFile]:
        """Each noted in the journal before it is begun."""
        for item in todo:
            if self._folder is not None:
                self._folder.begun(item)
            yield item


def _in_the_best_order(todo: Sequence[PlannedFile], view: Screen) -> list[PlannedFile]:
    total = len(todo)
    lengths = measured(todo, cores=usable_cores(), told=lambda count: view.measuring(count, total))
    items = longest_first(lengths)
    view.planned(sum(item.seconds or 0.0 for item in items))
    return items


def _say_how_to_go_on(tally: BatchStats, request: TranscribeRequest) -> None:
    console.note(f"Interrupted: {tally.done} of {tally.total} files are done and kept.")
    if request.run:
        console.note("  The same command goes on.")
    elif request.written:
        console.note("  The same command with --skip-existing, and not --overwrite, goes on.")
