"""Runs a batch from the request to its outputs, manifest, journal and statistics.

with open_batch(request, settings) as batch:
    result = batch.run(view)
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.config import Settings
from parakeet_cli.engine_setup import choose_engine, engine_options
from parakeet_cli.errors import ExitCode, OutputError, UsageError
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.processes import Terminated
from parakeet_cli.transcribe.inputs.find import JobFinder
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import forget_listings, recorded, to_place
from parakeet_cli.transcribe.inputs.streams import with_every_stream
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import (
    PlannedFile,
    check_apart,
    check_folders,
    folders,
    plan_outputs,
)
from parakeet_cli.transcribe.pipeline.interrupts import defer_interrupts
from parakeet_cli.transcribe.pipeline.progress import BatchView, SilentView
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.breaker import Breaker, HoldingView, stopped_in_words
from parakeet_cli.transcribe.run.fingerprint import fingerprint
from parakeet_cli.transcribe.run.manifest_writer import ManifestWriter, OrderedTexts
from parakeet_cli.transcribe.run.moved import Moved
from parakeet_cli.transcribe.run.plan_file import PlanHeader, now, root_of
from parakeet_cli.transcribe.run.run_folder import EarlierResult, RunFolder, open_run_folder
from parakeet_cli.transcribe.run.schedule import (
    Schedule,
    longest_first,
    make_schedule,
    with_durations,
)
from parakeet_cli.transcribe.run.stats import BatchStats
from parakeet_cli.transcribe.run.validity import Change
from parakeet_cli.transcribe.workers.choose import BatchRunner, Placement, open_runner
from parakeet_cli.transcript import FileResult, Status

_INTERRUPTED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.HUNG_UP)
_SUFFIXES_NAMED = 5  # of the files that folders leave out


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
    with _open_plan(request, settings, create_run=False) as plan:
        _say_what_is_repeated(plan, console.info)
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
        plan = stack.enter_context(_open_plan(request, settings, create_run=True))
        _say_what_is_repeated(plan, confirm)
        _record_plan(plan, request)
        todo = plan.schedule.todo
        if todo:
            warm_up()  # the decoder starts while the engine is being imported
            clear_leftovers(folders(todo))
        options = engine_options(settings, trust_model=request.trust_model)
        placement = Placement(
            workers=request.worker_count,
            ray=request.ray,
            ray_address=request.ray_address,
            resumable=request.run is not None,
            full_transcripts=request.stdout_format is not None,
            grace=request.grace,
        )
        runner = stack.enter_context(open_runner(todo, choice, options, request.options, placement))
        lines = plan.folder.results if plan.folder else stack.enter_context(LineStore())
        yield Batch(request, plan, runner, ManifestWriter(request.manifest_path, lines))


class Batch:
    """A planned batch whose engines are starting."""

    def __init__(
        self,
        request: TranscribeRequest,
        plan: _BatchPlan,
        runner: BatchRunner,
        manifest: ManifestWriter,
    ) -> None:
        self.total = plan.total
        self.earlier = len(plan.earlier)
        self._request = request
        self._plan = plan
        self._runner = runner
        self._manifest = manifest
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
        todo: Sequence[PlannedFile] = self._plan.schedule.todo
        stdout_format = self._request.stdout_format
        if stdout_format is None and len(todo) > 1:
            todo = _longest_first(todo, view)
        folder = self._plan.folder
        if folder is not None:
            folder.record_session(self.total, sum(item.seconds or 0.0 for item in todo))
        self._texts = OrderedTexts(todo, view.show_text)
        breaker = self._breaker = Breaker(todo, self._request.wait)
        for item, result in self._runner(self._journal_starts(breaker), HoldingView(view)):
            taken = breaker.take(item, result)
            if taken is not None:
                self._record(item, taken)
        for item, result in breaker.settle() if breaker.obstacle is None else ():
            view.ended(item.job, result)
            self._record(item, result)

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


@dataclass(frozen=True, slots=True)
class _BatchPlan:
    """Every input of the batch, and what is to be done with it."""

    folder: RunFolder | None
    header: PlanHeader
    planned: Sequence[PlannedFile]
    earlier: Sequence[EarlierResult]
    schedule: Schedule

    @property
    def total(self) -> int:
        return self.header.count


def _say_what_is_repeated(plan: _BatchPlan, say: Callable[[str], object]) -> None:
    """Say how many files that are done will be done again, and which lines say nothing."""
    folder = plan.folder
    if folder is None:
        return
    if folder.unreadable:
        some = "1 line" if folder.unreadable == 1 else f"{folder.unreadable} lines"
        console.info(f"{some} of the run's journal can't be read; the others count.")
    count = folder.again.total()
    if not count:
        return
    files = "1 file that is done" if count == 1 else f"{count} files that are done"
    causes = folder.again.most_common()
    why = f"because {causes[0][0]}" if len(causes) == 1 else _causes_in_words(causes)
    say(f"{files} will be transcribed again, {why}.")


def _causes_in_words(causes: Iterable[tuple[Change, int]]) -> str:
    return ", ".join(f"{count} because {change}" for change, count in causes)


def _record_plan(plan: _BatchPlan, request: TranscribeRequest) -> None:
    if plan.folder is not None:
        plan.folder.record_plan(
            plan.header,
            plan.planned,
            plan.schedule.settled,
            with_outputs="{index" in request.template,
        )


@contextmanager
def _open_plan(
    request: TranscribeRequest, settings: Settings, *, create_run: bool
) -> Iterator[_BatchPlan]:
    """The plan, with the run's folder locked if there is one. Raises ParakeetError."""
    request.check()
    path = request.run_folder
    with ExitStack() as stack:
        folder, options = None, fingerprint(request, settings) if path is not None else ""
        if path is not None and (create_run or path.exists()):
            folder = stack.enter_context(open_run_folder(path, options))
            warm_up()  # a long plan takes a second, and the decoder starts meanwhile
        with _without_garbage_collection():
            every = _plan_files(request, folder.date if folder else None)
            planned = _of_shard(every, request.shard)
            header = PlanHeader(
                count=len(planned),
                total=len(every),
                options=options,
                shard=request.shard,
                root=root_of(every),
                folder=recorded(to_place(request.folder or ".")),
                at=now(),
            )
            earlier: list[EarlierResult] = []
            left = planned
            if folder is not None:
                earlier, left = folder.split(
                    planned,
                    retry_failed=request.retry_failed,
                    moved=_moved(folder.header, header, request, settings),
                    adopt=create_run,
                )
            schedule = make_schedule(left, request.options)
        yield _BatchPlan(folder, header, planned, earlier, schedule)


def _moved(
    old: PlanHeader | None, new: PlanHeader, request: TranscribeRequest, settings: Settings
) -> Moved | None:
    """Where the run has moved since its latest session; None if it is where it was."""
    if old is None or None in (old.root, old.folder, new.root, new.folder):
        return None
    if (old.root, old.folder) == (new.root, new.folder):
        return None
    return Moved(
        (str(old.root), str(new.root)),
        (str(old.folder), str(new.folder)),
        (
            fingerprint(request, settings, None if old.folder == new.folder else old.folder),
            new.options,
        ),
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disable the collector in the block, then freeze what was made so that it skips it later."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _plan_files(request: TranscribeRequest, today: str | None) -> list[PlannedFile]:
    """Every input with its outputs. Raises UsageError if outputs collide."""
    forget_listings()
    finder = JobFinder(all_files=request.all_files)
    jobs = finder.find(request.inputs)
    if request.options.align is not None and len(jobs) != 1:
        raise UsageError(f"--align takes one recording, and there are {len(jobs)}.")
    if request.every_stream:
        jobs = with_every_stream(jobs)
    if finder.left_out:
        console.info(_left_out_in_words(finder.left_out))
    folder = to_place(request.folder or ".")
    planned = plan_outputs(jobs, request.file_formats, folder, request.template, today=today)
    check_folders(planned)
    if request.manifest_path is not None:
        check_apart(request.manifest_path, request.inputs, planned)
    return planned


def _of_shard(planned: list[PlannedFile], text: str | None) -> list[PlannedFile]:
    """Those of one shard; all of them without one. Raises UsageError."""
    if text is None:
        return planned
    shard = Shard.parse(text)
    return [item for item in planned if shard.contains(item.job)]


def _left_out_in_words(suffixes: Counter[str]) -> str:
    """What folders left out, with the suffixes that most of it has."""
    count = suffixes.total()
    few = ", ".join(suffix or "no suffix" for suffix, _ in suffixes.most_common(_SUFFIXES_NAMED))
    few += ", ..." if len(suffixes) > _SUFFIXES_NAMED else ""
    if count == 1:
        return f"1 file with an unknown suffix left out ({few}); --all-files tries it."
    return f"{count} files with unknown suffixes left out ({few}); --all-files tries them."


def _skipped_as_earlier(earlier: EarlierResult) -> FileResult:
    reason = f"{earlier.result.status} in an earlier session"
    return replace(earlier.result, status=Status.SKIPPED, reason=reason)


def _longest_first(todo: Sequence[PlannedFile], view: BatchView) -> list[PlannedFile]:
    total = len(todo)
    durations = with_durations(
        todo, cores=usable_cores(), on_progress=lambda count: view.measuring(count, total)
    )
    items = longest_first(durations)
    view.planned(sum(item.seconds or 0.0 for item in items))
    return items
