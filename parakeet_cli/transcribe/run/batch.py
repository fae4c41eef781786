"""Runs a batch from the request to its outputs, manifest, journal and statistics.

with open_batch(request, settings) as batch:
    result = batch.run(view)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.config.settings import Settings
from parakeet_cli.engine_setup import choose_engine, engine_options
from parakeet_cli.errors import ExitCode, OutputError
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.processes import Terminated
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile, folders
from parakeet_cli.transcribe.pipeline.interrupts import defer_interrupts
from parakeet_cli.transcribe.pipeline.progress import BatchView, SilentView
from parakeet_cli.transcribe.plan.look_ahead import LookAhead
from parakeet_cli.transcribe.plan.schedule import with_durations
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.breaker import (
    Breaker,
    HoldingView,
    blaming_the_surroundings,
    stopped_in_words,
    try_twice,
)
from parakeet_cli.transcribe.run.manifest_writer import ManifestWriter, OrderedTexts
from parakeet_cli.transcribe.run.planning import (
    BatchPlan,
    open_plan,
    record_plan,
    say_what_is_repeated,
)
from parakeet_cli.transcribe.run.run_folder import EarlierResult
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcribe.workers.choose import BatchRunner, Placement, open_runner
from parakeet_cli.transcript import FileResult, Status

_INTERRUPTED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.HUNG_UP)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch ended: `exit_code` is the command's, `hint` what to do about what stopped it."""

    stats: BatchStats
    exit_code: ExitCode
    stopped: str | None = None  # what of the surroundings stopped it, in a sentence
    hint: str | None = None

    @property
    def interrupted(self) -> bool:
        return self.exit_code in _INTERRUPTED


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a batch would do: `todo` has durations where headers tell them."""

    todo: tuple[PlannedFile, ...]
    settled: tuple[tuple[PlannedFile, FileResult], ...]  # skipped, failed or done earlier


def dry_run(request: TranscribeRequest, settings: Settings) -> DryRun:
    """Plan the batch and read the headers, and do nothing. Raises ParakeetError."""
    if settings.decoding.asked:
        choose_engine(settings)  # which refuses what it can't honour
    with open_plan(request, settings, create_run=False) as plan:
        say_what_is_repeated(plan, console.info)
        todo = tuple(with_durations(plan.schedule.todo, cores=usable_cores()))
        earlier = ((one.item, _skipped_as_earlier(one)) for one in plan.earlier)
        return DryRun(todo, (*plan.schedule.settled, *earlier))


@contextmanager
def open_batch(
    request: TranscribeRequest,
    settings: Settings,
    confirm: Callable[[str], object] = console.info,
) -> Iterator[Batch]:
    """Plan the batch and start its engines. Raises ParakeetError for what stops everything.

    The engine that was chosen is printed on stderr. `confirm` is called, before anything is
    done, with a sentence that says how many files that are done will be done again; it may
    raise ParakeetError.
    """
    choice = choose_engine(settings)
    with ExitStack() as stack:
        plan = stack.enter_context(open_plan(request, settings, create_run=True))
        say_what_is_repeated(plan, confirm)
        record_plan(plan, request)
        todo = plan.schedule.todo
        if todo:
            warm_up()  # the decoder starts while the engine is being imported
            clear_leftovers(folders(todo))
        ahead = None
        if request.stdout_format is None and len(todo) > 1:
            ahead = stack.enter_context(LookAhead(todo, cores=usable_cores()))
        options = engine_options(
            settings, trust_model=request.trust_model, text=request.options.given_words
        )
        placement = Placement(
            workers=request.worker_count,
            feeders=request.feeder_count,
            ray=request.ray,
            ray_address=request.ray_address,
            resumable=request.run is not None,
            full_transcripts=request.stdout_format is not None,
            grace=request.grace,
        )
        goes_on = request.run is not None or plan.total > 1
        if goes_on:
            stack.enter_context(blaming_the_surroundings())
        opened = partial(open_runner, todo, choice, options, request.options, placement)
        runner = try_twice(lambda: stack.enter_context(opened()), request.wait if goes_on else 0.0)
        lines = plan.folder.results if plan.folder else stack.enter_context(LineStore())
        yield Batch(request, plan, runner, ManifestWriter(request.manifest_path, lines), ahead)


class Batch:
    """A planned batch whose engines are starting."""

    def __init__(
        self,
        request: TranscribeRequest,
        plan: BatchPlan,
        runner: BatchRunner,
        manifest: ManifestWriter,
        ahead: LookAhead | None,
    ) -> None:
        self.total = plan.total
        self.earlier = len(plan.earlier)
        self._request = request
        self._plan = plan
        self._runner = runner
        self._manifest = manifest
        self._ahead = ahead  # None if the files are done in the order of the inputs
        self._seconds_are_known = ahead is None
        self._stats = BatchStats(plan.total)
        self._breaker: Breaker | None = None
        self._texts = OrderedTexts((), lambda _: None)

    def run(self, view: BatchView | None = None) -> BatchResult:
        """Transcribe everything, and write the manifest also after a signal. Call it once.

        Raises ParakeetError for what stops everything.
        """
        interrupted: ExitCode | None = None
        try:
            self._run(view or SilentView())
        except Terminated as signal:
            interrupted = ExitCode(128 + signal.number)
        except KeyboardInterrupt:
            interrupted = ExitCode.INTERRUPTED
        breaker = self._breaker
        obstacle = breaker.obstacle if breaker else None
        with defer_interrupts():  # a batch system may send its signal more than once
            self._write_manifest(tolerant=obstacle is not None)
        if interrupted is not None:
            return BatchResult(self._stats, interrupted)
        if breaker is not None and obstacle is not None:
            stopped = stopped_in_words(breaker.held, obstacle)
            hint = breaker.held[0][1].hint
            return BatchResult(self._stats, ExitCode.SURROUNDINGS, stopped, hint)
        allow_partial = self._request.allow_partial
        return BatchResult(self._stats, self._stats.exit_code(allow_partial=allow_partial))

    def _write_manifest(self, *, tolerant: bool) -> None:
        """Write it. If `tolerant`, a manifest that meets the same obstacle is only mentioned."""
        try:
            self._manifest.write()
        except OutputError as error:
            if not tolerant:
                raise
            console.note(str(error))

    def _run(self, view: BatchView) -> None:
        self._record_settled(view)
        todo: Iterable[PlannedFile] = self._ahead or self._plan.schedule.todo
        self._record_session(view)
        self._texts = OrderedTexts(self._plan.schedule.todo, view.show_text)
        breaker = self._breaker = Breaker(todo, self._request.wait)
        for item, result in self._runner(self._journal_starts(breaker), HoldingView(view)):
            if not self._seconds_are_known:
                self._record_seconds(view)
            taken = breaker.take(item, result)
            if taken is not None:
                self._record(item, taken)
        for item, result in breaker.settle() if breaker.obstacle is None else ():
            view.ended(item.job, result)
            self._record(item, result)

    def _record_session(self, view: BatchView) -> None:
        """Record that the session begins, and how much audio there is as far as that is known."""
        seconds = 0.0
        if self._ahead is not None:
            self._ahead.wait_for_enough()
            self._seconds_are_known = self._ahead.complete
            seconds = self._ahead.seconds
            view.planned(seconds)
        if self._plan.folder is not None:
            self._plan.folder.record_session(self.total, seconds)

    def _record_seconds(self, view: BatchView) -> None:
        """Record how much audio there is, once all headers are read."""
        if self._ahead is None or not self._ahead.complete:
            return
        self._seconds_are_known = True
        view.planned(self._ahead.seconds)
        if self._plan.folder is not None:
            self._plan.folder.record_seconds(self.total, self._ahead.seconds)

    def _record(self, item: PlannedFile, result: FileResult) -> None:
        """Show and record how an item ended."""
        stdout_format = self._request.stdout_format
        if stdout_format is not None:
            layout, transcript = self._request.options.format_options, result.transcript
            text = stdout_format.render(transcript, layout) if transcript else None
            self._texts.add(item.number, text)
        line = self._manifest.add(item, result)
        if self._plan.folder is not None:
            self._plan.folder.record_end(item, result, line)
        self._stats.add(item.number, result)

    def _record_settled(self, view: BatchView) -> None:
        """Count the files that earlier sessions did, and those that were skipped or refused."""
        for earlier in self._plan.earlier:
            self._manifest.add_earlier(earlier)
            self._stats.add_earlier(earlier)
        for item, result in self._plan.schedule.settled:
            view.ended(item.job, result)
            self._manifest.add(item, result)
            self._stats.add(item.number, result)

    def _journal_starts(self, breaker: Breaker) -> Iterator[PlannedFile | None]:
        """The items, each recorded in the journal before it is started; None for not yet."""
        for item in breaker.items():
            if item is not None and self._plan.folder is not None:
                self._plan.folder.record_start(item)
            yield item


def _skipped_as_earlier(earlier: EarlierResult) -> FileResult:
    reason = f"{earlier.result.status} in an earlier session"
    return replace(earlier.result, status=Status.SKIPPED, reason=reason)
