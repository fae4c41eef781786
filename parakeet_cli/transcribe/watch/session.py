"""Transcribes what arrives in a folder, for as long as it isn't told to end.

with open_watch(request, options, settings) as watch:
    code = watch.run(view)
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.config.settings import Settings
from parakeet_cli.engine_setup import choose_engine, engine_options
from parakeet_cli.errors import ExitCode, Obstacle, OutputError
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.system.processes import Terminated
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import FileState, state_of
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile, check_folders, folders
from parakeet_cli.transcribe.pipeline.interrupts import defer_interrupts
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcribe.plan.schedule import with_known_duration
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.breaker import blaming_the_surroundings, try_twice
from parakeet_cli.transcribe.run.journal import JOURNAL, read_journal
from parakeet_cli.transcribe.run.manifest_writer import ManifestWriter
from parakeet_cli.transcribe.run.plan_file import PLAN, add_to_plan, read_header
from parakeet_cli.transcribe.run.planning import (
    BatchPlan,
    WatchedInputs,
    open_plan,
    record_plan,
    say_what_is_repeated,
)
from parakeet_cli.transcribe.run.run_folder import RunFolder
from parakeet_cli.transcribe.then.commands import ThenCommands, unfinished
from parakeet_cli.transcribe.then.record import THEN, Due
from parakeet_cli.transcribe.watch.arrivals import (
    ArrivalPlanner,
    absolute_outputs,
    absolute_source,
    is_left_out,
)
from parakeet_cli.transcribe.watch.folder import Arrival, WatchedFolder
from parakeet_cli.transcribe.watch.options import WatchOptions, check_folder, check_watch
from parakeet_cli.transcribe.watch.pauses import Pauses
from parakeet_cli.transcribe.workers.choose import BatchRunner, Placement, open_runner
from parakeet_cli.transcript import FileResult, Status

_NAP_SECONDS = 0.1  # between two looks at what has arrived, while nothing is in work
_AT_ONCE = 1000  # arrivals that are planned together
_PLANNING_SHARE = 0.05  # of the time: the journal of a large run takes a second to read
_CTRL_C_SECONDS = 0.5  # for the command that runs, before it is killed
_LAST_SECONDS = 3.0  # the same at SIGTERM, once the workers have ended within their grace
_WITH_TRANSCRIPT = (Status.OK, Status.PARTIAL)


@contextmanager
def open_watch(
    request: TranscribeRequest,
    options: WatchOptions,
    settings: Settings,
    confirm: Callable[[str], object] = console.info,
) -> Iterator[Watch]:
    """Lock the run, look through the folder, and start the engine. Raises ParakeetError.

    `confirm` is called, before anything is done, with a sentence that says how many files that are
    done will be done again; it may raise ParakeetError.
    """
    check_watch(options, request)
    request.check()
    choice = choose_engine(settings)
    planner = ArrivalPlanner(request, options.folder)
    watched = WatchedFolder(
        options.folder,
        planner.takes,
        settle=options.settle,
        leaves_out=lambda folder: is_left_out(folder, request),
        say=_say,
    )
    run = Path(request.run or "").expanduser()
    with ExitStack() as stack:
        before = read_header(run / PLAN)
        check_folder(options.folder, before.root if before else None)
        check_folders(planner.plan_files(["output"]))
        root = os.path.abspath(options.folder)
        inputs = WatchedInputs(root, lambda: planner.plan_files(watched.names()))
        plan = stack.enter_context(open_plan(request, settings, create_run=True, watched=inputs))
        say_what_is_repeated(plan, confirm)
        record_plan(plan, request)
        planner.own(plan.earlier)
        warm_up()
        clear_leftovers(folders(plan.planned))
        commands = _open_commands(options, run, planner)
        placement = Placement(
            workers=request.worker_count,
            feeders=request.feeder_count,
            resumable=True,
            grace=request.grace,
            endless=True,
        )
        stack.enter_context(blaming_the_surroundings())
        opened = partial(
            open_runner,
            (),
            choice,
            engine_options(settings, trust_model=request.trust_model),
            request.options,
            placement,
        )
        runner = try_twice(lambda: stack.enter_context(opened()), request.wait)
        stack.enter_context(watched)
        yield Watch(request, plan, runner, watched, planner, commands)


def _say(sentence: str) -> None:
    """Show it in one line, whatever is in the names that it has."""
    console.note(console.shown_name(sentence))


def _open_commands(
    options: WatchOptions, run: Path, planner: ArrivalPlanner
) -> ThenCommands | None:
    """What runs `--then`, with what an earlier session left; None without one."""
    if options.then is None:
        return None
    commands = ThenCommands(options.then, run / THEN, limit=options.then_limit, say=_say)
    planner.taken_over = commands.earlier.done
    left = list(unfinished(commands.earlier, retry_failed=planner.request.retry_failed))
    entries = read_journal(run / JOURNAL).entries if left else {}
    for due in left:
        entry = entries.get(due.key)
        # Else the transcript isn't recorded as done: it is made again, and is due again.
        if entry is not None and (entry.identity, entry.options) == due.version:
            commands.add(due)
    return commands


class Watch:
    """A folder that is being watched, with an engine that stays loaded."""

    def __init__(
        self,
        request: TranscribeRequest,
        plan: BatchPlan,
        runner: BatchRunner,
        watched: WatchedFolder,
        planner: ArrivalPlanner,
        commands: ThenCommands | None,
    ) -> None:
        assert plan.folder is not None
        self.counts: Counter[Status] = Counter()  # how files ended, in this session
        self._request = request
        self._folder: RunFolder = plan.folder
        self._options = plan.header.options
        self._total = plan.total
        self._said_again = Counter(plan.folder.again)  # at the start, before they arrive
        self._runner = runner
        self._watched = watched
        self._planner = planner
        self._commands = commands
        self._lines = ManifestWriter(None, plan.folder.results)
        self._pauses = Pauses(request.wait, _say)
        self._arrived: deque[Arrival] = deque()
        self._plan_after = 0.0  # by `time.monotonic`
        self._queue: deque[PlannedFile] = deque()
        self._in_work: dict[int, tuple[PlannedFile, FileState | None]] = {}
        self._unrecorded: deque[tuple[PlannedFile, FileResult]] = deque()
        self._view: ProgressView | None = None

    def run(self, view: ProgressView) -> ExitCode:
        """Transcribe what arrives until a signal comes; the exit code of that signal.

        Raises ParakeetError for what stops everything.
        """
        self._view = view
        self._folder.record_session(self._total, 0.0)
        code, at_once = ExitCode.OK, True
        try:
            for item, result in self._runner(self._items(), _Begun(view)):
                self._take(item, result)
        except Terminated as signal:
            code, at_once = ExitCode(128 + signal.number), False
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        finally:
            with defer_interrupts():  # a service manager may send its signal more than once
                self._record()
                if self._commands is not None:
                    self._commands.close(_CTRL_C_SECONDS if at_once else _LAST_SECONDS)
        return code

    @property
    def unrecorded(self) -> int:
        """How many transcripts are written, but could not be recorded as done."""
        return len(self._unrecorded)

    def _items(self) -> Iterator[PlannedFile | None]:
        """What is to be transcribed, as it comes; None while nothing is known."""
        while True:
            item = None
            if self._pauses.over:
                self._record()
                self._plan_arrivals()
                item = self._next()
            if item is None and not self._in_work:
                time.sleep(_NAP_SECONDS)
            yield item

    def _plan_arrivals(self) -> None:
        """Plan what has arrived, but nothing that is in work."""
        while not self._watched.arrivals.empty():
            self._arrived.append(self._watched.arrivals.get())
        if not self._arrived or time.monotonic() < self._plan_after:
            return
        busy = {item.job.path for item, _ in self._in_work.values()}
        busy |= {item.job.path for item in self._queue}
        ready: dict[str, Arrival] = {}
        waiting: deque[Arrival] = deque()
        for one in self._arrived:
            path = self._planner.path_of(one.name)
            free = path not in busy and len(ready) < _AT_ONCE
            if free:
                ready[one.name] = one
            else:
                waiting.append(one)
        began = time.monotonic()
        if ready and self._tried_to_write(lambda: self._plan(sorted(ready))):
            self._arrived = waiting
        took = time.monotonic() - began
        self._plan_after = time.monotonic() + max(_NAP_SECONDS, took / _PLANNING_SHARE)

    def _plan(self, names: list[str]) -> None:
        assert self._view is not None
        found = self._planner.plan(names, self._folder, self._options)
        self._say_again()
        path = Path(self._request.run or "").expanduser() / PLAN
        add_to_plan(path, found.planned, found.settled)
        clear_leftovers(folders(found.todo))
        for item, result in found.settled:
            self._count(item, result)
        self._queue.extend(found.todo)

    def _say_again(self) -> None:
        """Say how many files that were done are done again, and why; each file once."""
        for change, found in self._folder.again.items():
            count = max(0, found - self._said_again[change])
            self._said_again[change] = max(0, self._said_again[change] - found)
            if not count:
                continue
            files = "1 file that is done" if count == 1 else f"{count} files that are done"
            console.info(f"{files} will be transcribed again, because {change}.")

    def _next(self) -> PlannedFile | None:
        """The next file to begin, recorded as begun."""
        if self._unrecorded or (self._pauses.trying and self._in_work):
            return None
        while (item := self._pauses.next_held() or self._first_queued()) is not None:
            state = state_of(item.job.path)
            if state is None:
                continue  # it was renamed or removed, and comes again if it does
            if not self._tried_to_write(partial(self._folder.record_start, item)):
                self._queue.appendleft(item)
                return None
            self._in_work[item.number] = item, state
            return with_known_duration(item)[0]
        return None

    def _first_queued(self) -> PlannedFile | None:
        return self._queue.popleft() if self._queue else None

    def _take(self, item: PlannedFile, result: FileResult) -> None:
        """Record how a file ended, unless it is to be done again."""
        _, began = self._in_work.pop(item.number)
        whole = state_of(item.job.path) == began
        if result.status not in _WITH_TRANSCRIPT[:1] and not whole:
            # It was taken away or changed while it was read; where it is there, it comes again.
            name = console.shown_name(item.job.name)
            console.log_line(f"{name} was changed or removed while it was read.")
            return
        if isinstance(result.obstacle, Obstacle):
            blamed = self._pauses.hold(item, result)
            if blamed is None:
                return
            result = blamed
        else:
            self._pauses.passed(item.job.key)
        self._unrecorded.append((item, result))
        self._record()

    def _record(self) -> None:
        """Record the results that have come, as far as the disk lets it."""
        while self._unrecorded:
            item, result = self._unrecorded[0]
            due = self._due(item, result)
            if not self._tried_to_write(partial(self._record_one, item, result, due)):
                return
            self._unrecorded.popleft()
            self._count(item, result)
            if self._commands is not None and due is not None:
                self._commands.add(due)

    def _record_one(self, item: PlannedFile, result: FileResult, due: Due | None) -> None:
        if self._commands is not None and due is not None:
            self._commands.record_due(due)
        self._folder.record_end(item, result, self._lines.add(item, result))

    def _due(self, item: PlannedFile, result: FileResult) -> Due | None:
        """What `--then` is to be run for; None if there is no new transcript."""
        if result.status not in _WITH_TRANSCRIPT or not result.outputs:
            return None
        return Due(
            item.job.key,
            self._folder.identity_of(item),
            self._options,
            absolute_source(item.job),
            absolute_outputs(result),
            str(result.status),
        )

    def _tried_to_write(self, work: Callable[[], object]) -> bool:
        """Whether the work, which writes into the run's folder, went well; else it is paused."""
        try:
            work()
        except OutputError as error:
            self._pauses.pause(str(error).rstrip("."))
            return False
        except OSError as error:
            obstacle = obstacle_of(error, self._request.run)
            reason = obstacle.cause if obstacle else error.strerror or str(error)
            self._pauses.pause(f"the run's folder can't be written ({reason})")
            return False
        return True

    def _count(self, item: PlannedFile, result: FileResult) -> None:
        assert self._view is not None
        self.counts[result.status] += 1
        self._planner.note_end(item, result)
        self._view.ended(item.job, result)


class _Begun:
    """A view of what is in work: how files end is shown once it is recorded."""

    def __init__(self, view: ProgressView) -> None:
        self._view = view

    def started(self, job: Job, duration: float | None) -> None:
        self._view.started(job, duration)

    def advanced(self, job: Job, seconds: float) -> None:
        self._view.advanced(job, seconds)

    def ended(self, job: Job, result: FileResult) -> None:
        pass
