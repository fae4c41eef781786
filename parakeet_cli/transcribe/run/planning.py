"""Plans a batch: its inputs and their outputs, and what of that earlier sessions have done."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import JobFinder
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import forget_listings, recorded, to_place
from parakeet_cli.transcribe.inputs.streams import with_every_stream
from parakeet_cli.transcribe.outputs.plan import (
    PlannedFile,
    check_apart,
    check_folders,
    plan_outputs,
)
from parakeet_cli.transcribe.plan.schedule import Schedule, make_schedule
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.fingerprint import fingerprint
from parakeet_cli.transcribe.run.moved import Moved
from parakeet_cli.transcribe.run.plan_file import PlanHeader, now, root_of
from parakeet_cli.transcribe.run.run_folder import EarlierResult, RunFolder, open_run_folder
from parakeet_cli.transcribe.run.validity import Change

_SUFFIXES_NAMED = 5  # of the files that folders leave out


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Every input of the batch, and what is to be done with it."""

    folder: RunFolder | None
    header: PlanHeader
    planned: Sequence[PlannedFile]
    earlier: Sequence[EarlierResult]
    schedule: Schedule

    @property
    def total(self) -> int:
        return self.header.count


@dataclass(frozen=True, slots=True)
class WatchedInputs:
    """The files of a watched folder: its absolute path, and what finds them."""

    root: str
    find: Callable[[], list[PlannedFile]]


def say_what_is_repeated(plan: BatchPlan, say: Callable[[str], object]) -> None:
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


def record_plan(plan: BatchPlan, request: TranscribeRequest) -> None:
    if plan.folder is not None:
        plan.folder.record_plan(
            plan.header,
            plan.planned,
            plan.schedule.settled,
            with_outputs="{index" in request.template,
        )


@contextmanager
def open_plan(
    request: TranscribeRequest,
    settings: Settings,
    *,
    create_run: bool,
    watched: WatchedInputs | None = None,
) -> Iterator[BatchPlan]:
    """The plan, with the run's folder locked if there is one. Raises ParakeetError.

    With `watched`, the inputs are those that a watched folder has now.
    """
    request.check()
    path = request.run_folder
    with ExitStack() as stack:
        folder, options = None, fingerprint(request, settings) if path is not None else ""
        if path is not None and (create_run or path.exists()):
            folder = stack.enter_context(open_run_folder(path, options))
            warm_up()  # a long plan takes a second, and the decoder starts meanwhile
        with _without_garbage_collection():
            every = watched.find() if watched else _plan_files(request, _date_of(folder))
            planned = _of_shard(every, request.shard)
            header = PlanHeader(
                count=len(planned),
                total=len(every),
                options=options,
                shard=request.shard,
                root=watched.root if watched else root_of(every),
                folder=recorded(to_place(request.folder or ".")),
                at=now(),
                watched=watched is not None,
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
        yield BatchPlan(folder, header, planned, earlier, schedule)


def _date_of(folder: RunFolder | None) -> str | None:
    return folder.date if folder else None


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
