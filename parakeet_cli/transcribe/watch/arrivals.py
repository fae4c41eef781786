"""Plans the outputs of files that have arrived, and says which of them are done already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats import FORMATS
from parakeet_cli.transcribe.inputs.find import MEDIA_SUFFIXES, Job, job_below
from parakeet_cli.transcribe.inputs.storage import (
    FileState,
    canonical,
    forget_listings,
    recorded,
    split_suffix,
    state_of,
    to_place,
)
from parakeet_cli.transcribe.inputs.streams import with_every_stream
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.plan.schedule import make_schedule
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.run_folder import EarlierResult, RunFolder
from parakeet_cli.transcript import FileResult, Status

_OUTPUTS = frozenset(form.suffix for form in FORMATS.values())


@dataclass(frozen=True, slots=True)
class PlannedArrivals:
    """What has arrived: all of it, what is done already, what is refused, and what is to do."""

    planned: tuple[PlannedFile, ...]
    earlier: tuple[EarlierResult, ...]
    settled: tuple[tuple[PlannedFile, FileResult], ...]
    todo: tuple[PlannedFile, ...]


@dataclass(slots=True)
class ArrivalPlanner:
    """Plans files by their names below the watched folder.

    `taken_over` are the versions of recordings whose transcripts a command has had: what it did
    with them is its own affair.
    """

    request: TranscribeRequest
    top: str
    taken_over: Mapping[str, tuple[FileState | None, str]] = field(default_factory=dict)
    _owners: dict[str, Job] = field(default_factory=dict)  # of outputs
    _numbers: count[int] = field(default_factory=count)
    _tried: set[str] = field(default_factory=set)  # keys of what failed, in this session

    def takes(self, name: str) -> bool:
        """Whether a file of that name is a recording to try; no output is, in any case."""
        suffix = split_suffix(name)[1].lower()
        return suffix in MEDIA_SUFFIXES or (self.request.all_files and suffix not in _OUTPUTS)

    def path_of(self, name: str) -> str:
        """The path of a file by its name below the folder, as its job has it."""
        return str(job_below(self.top, name).path)

    def plan_files(self, names: Iterable[str]) -> list[PlannedFile]:
        """The files with their outputs. One whose outputs can't be planned has an error."""
        jobs: Sequence[Job] = [job_below(self.top, name) for name in names]
        if self.request.every_stream:
            jobs = with_every_stream(jobs)
        return [self._plan_file(job) for job in jobs]

    def _plan_file(self, job: Job) -> PlannedFile:
        request = self.request
        folder = to_place(request.folder or ".")
        try:
            (item,) = plan_outputs([job], request.file_formats, folder, request.template)
        except UsageError as error:
            item = PlannedFile(_refused(job, str(error), error.hint), ())
        return item._replace(number=next(self._numbers))

    def plan(self, names: Iterable[str], folder: RunFolder, options: str) -> PlannedArrivals:
        """Compare what has arrived with the journal. Raises OutputError.

        `options` is their fingerprint. What failed in an earlier session is done again once with
        --retry-failed, and what failed in this one each time that it is reported again.
        """
        forget_listings()
        planned = self.plan_files(names)
        left_over = [item for item in planned if not self._is_taken_over(item, options)]
        again = [item for item in left_over if self._is_tried_again(item.job.key)]
        fresh = [item for item in left_over if not self._is_tried_again(item.job.key)]
        earlier, left = [], []
        for some, retry in ((fresh, False), (again, True)):
            if some:
                done, rest = folder.split(some, retry_failed=retry, adopt=False)
                earlier += done
                left += rest
        self.own(earlier)
        self._tried.update(one.item.job.key for one in earlier if one.status is Status.FAILED)
        schedule = make_schedule(map(self._apart, left), self.request.options)
        return PlannedArrivals(tuple(planned), tuple(earlier), schedule.settled, schedule.todo)

    def own(self, earlier: Iterable[EarlierResult]) -> None:
        """Remember whose the outputs are of what is done already."""
        for one in earlier:
            for _, path in one.item.paths:
                self._owners[str(path)] = one.item.job

    def note_end(self, item: PlannedFile, result: FileResult) -> None:
        """Remember how a file ended: one that failed is tried again once anything of it changes."""
        if result.status is Status.FAILED:
            self._tried.add(item.job.key)
        else:
            self._tried.discard(item.job.key)

    def _is_taken_over(self, item: PlannedFile, options: str) -> bool:
        version = self.taken_over.get(item.job.key)
        return version is not None and version == (state_of(item.job.path), options)

    def _is_tried_again(self, key: str) -> bool:
        return (key in self._tried) or self.request.retry_failed

    def _apart(self, item: PlannedFile) -> PlannedFile:
        """The item, with an error if an output is another recording's that is still there."""
        for _, path in item.paths:
            owner = self._owners.setdefault(str(path), item.job)
            if owner.key == item.job.key or not os.path.lexists(str(owner.path)):
                self._owners[str(path)] = item.job
                continue
            job = _refused(
                item.job,
                f"Its transcript would be written to {path}, which is that of {owner.name}.",
                "Give one of them another name, or keep them apart with --output-template "
                "'{parent}-{filename}'.",
            )
            return item._replace(job=job, paths=())
        return item


def is_left_out(folder: str, request: TranscribeRequest) -> bool:
    """Whether a folder isn't entered: that of the run, by whatever name it is given.

    The folder itself is no link, so that its own name tells most of them apart.
    """
    if request.run is None:
        return False
    run = os.path.realpath(Path(request.run).expanduser())
    return Path(run).name == Path(folder).name and os.path.realpath(folder) == run


def absolute_outputs(result: FileResult) -> tuple[str, ...]:
    """The outputs of a result by names that don't depend on the working folder."""
    return tuple(canonical(to_place(path)) for path in result.outputs)


def absolute_source(job: Job) -> str:
    return recorded(job.path)


def _refused(job: Job, message: str, hint: str | None) -> Job:
    return job._replace(error=InputError(message, hint=hint))
