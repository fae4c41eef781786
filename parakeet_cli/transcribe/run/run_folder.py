"""The folder of a run: what was done, with which options, and what of it is still valid.

DIR/journal.jsonl   how each input ended (`journal`)
DIR/plan.jsonl      what the latest session was asked to do (`plan_file`)
DIR/results.jsonl   each result's manifest line
DIR/lock            locked while a process works on the run
DIR/shard-1-of-3/   the same for one shard
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import OutputError, UsageError, system_hint
from parakeet_cli.system.files import clear_leftovers
from parakeet_cli.system.locks import LockHeld, is_locked, lock_file, read_holder, write_holder
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    Url,
    canonical,
    recorded,
    state_of,
    to_place,
)
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.run.journal import (
    JOURNAL,
    Identity,
    Output,
    Row,
    RunEntry,
    RunJournal,
    invalid_rows_reported,
    read_rows,
)
from parakeet_cli.transcribe.run.journal_rows import is_own, may_replace
from parakeet_cli.transcribe.run.moved import Moved
from parakeet_cli.transcribe.run.plan_file import PLAN, PlanHeader, read_header, write_plan
from parakeet_cli.transcribe.run.validity import Change, output_holds, same_state
from parakeet_cli.transcript import FileResult, Status

LOCK = "lock"
RESULTS = "results.jsonl"
_STATUSES = {str(status): status for status in Status}
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_DONE = (Status.OK, Status.PARTIAL)
_NEVER = ("", (), None)  # what is known of an input that never ended
_SHARD = re.compile(r"shard-\d+-of-\d+")
_SPARE_ROWS = 1000  # that a journal may have beyond two an input before it is compacted
_LOCK_SECONDS = 1.0  # to wait: a process that asks for the status holds the lock for a moment


class EarlierResult(NamedTuple):
    """An input that an earlier session dealt with, and how that ended."""

    item: PlannedFile
    status: Status
    line: int | None  # the offset of its manifest line among the results
    reason: str | None = None
    hint: str | None = None

    @property
    def result(self) -> FileResult:
        return FileResult(self.item.job.name, self.status, reason=self.reason, hint=self.hint)


@dataclass(slots=True)
class _JournaledInputs:
    """What the journal says of the inputs, by their keys."""

    rows: int = 0
    valid: dict[str, EarlierResult] = field(default_factory=dict)  # not to be done again
    begun: dict[str, str] = field(default_factory=dict)  # the options; not ended since
    # The options and the outputs of those that ended and must be done again, and why.
    ended: dict[str, tuple[str, tuple[str, ...], Change | None]] = field(default_factory=dict)
    unreadable: int = 0  # lines

    def count_unreadable(self) -> None:
        self.unreadable += 1

    def forget(self, name: str) -> None:
        self.valid.pop(name, None)
        self.begun.pop(name, None)
        self.ended.pop(name, None)


class RunFolder:
    """A run that resumes where it was stopped. `options` is the fingerprint of its options."""

    def __init__(self, journal: RunJournal, results: LineStore, options: str) -> None:
        self.results = results
        self.again: Counter[Change] = Counter()  # files that were done, and why they are repeated
        self.unreadable = 0  # lines of the journal
        self.date = journal.first_date()
        self._journal = journal
        self._options = options
        self._identities: dict[int, Identity | None] = {}
        self._working_folder = canonical(".")
        self._session = 0.0  # when it began
        self._renames = False  # whether the names in manifests' lines may be others
        self.header = read_header(journal.path.with_name(PLAN))  # of the latest session

    def split(
        self,
        planned: Sequence[PlannedFile],
        *,
        retry_failed: bool,
        moved: Moved | None = None,
        adopt: bool = True,
    ) -> tuple[list[EarlierResult], list[PlannedFile]]:
        """The inputs that are done and still valid, and those that are left.

        With `moved`, the journal's paths are translated, and it is rewritten. With `adopt`, what
        other shards of the run have done is copied from their journals.

        An input that has changed, other options, an output that is missing or was changed:
        each of them means that the input is done again. The journal is compared with the plan
        while it is read, and only what isn't valid stays in memory.
        """
        items = {item.job.key: item for item in planned}
        known = _JournaledInputs()
        self._renames = moved is not None and adopt

        def translate(row: Row) -> Row:
            return moved.row(row, items) if moved is not None else row

        with invalid_rows_reported(self._journal.path):
            for row in read_rows(self._journal.path, on_unreadable=known.count_unreadable):
                known.rows += 1
                self._sort(translate(row), items, known, retry_failed)
        spare = known.rows > 2 * (len(known.valid) + len(known.ended)) + _SPARE_ROWS
        if adopt and (spare or moved is not None):
            self._journal.compact(translate)
        if adopt:
            self._adopt(items, known, retry_failed, translate)
        left = [
            self._mark_own_outputs(item, known)
            for name, item in items.items()
            if name not in known.valid
        ]
        self.unreadable = known.unreadable
        self.again = Counter(
            change for key in items if (change := known.ended.get(key, _NEVER)[2]) is not None
        )
        return list(known.valid.values()), left

    def _sort(
        self,
        row: Row,
        items: Mapping[str, PlannedFile],
        known: _JournaledInputs,
        retry_failed: bool,
    ) -> None:
        """Put an input into the right part of `known`; its newest row counts."""
        if (name := row.get("ended")) is not None:
            known.forget(name)
            item = items.get(name)
            change = None if item is None else self._change(item, row)
            if item is not None and change is None and not _tried_again(row, retry_failed):
                known.valid[item.job.key] = self._earlier_result(item, row)
            else:
                written = tuple(output[0] for output in row["outputs"])
                done = row["status"] in _DONE
                known.ended[name] = (row["options"], written, change if done else None)
        elif (name := row.get("begun")) is not None:
            known.begun[name] = row["options"]

    def _adopt(
        self,
        items: Mapping[str, PlannedFile],
        known: _JournaledInputs,
        retry_failed: bool,
        translate: Callable[[Row], Row],
    ) -> None:
        """Take what other shards have done of these inputs: the run had another shard count."""
        for folder in _other_shards(self._journal.path.parent):
            if not _is_own_file(folder / JOURNAL):
                continue
            newest: dict[str, Row] = {}
            with invalid_rows_reported(folder / JOURNAL):
                for row in map(translate, read_rows(folder / JOURNAL)):
                    name = row.get("ended")
                    if name is not None and name in items and name not in known.valid:
                        newest[name] = row
            if not newest:
                continue
            with _results(folder / RESULTS) as results:
                for name, row in newest.items():
                    self._adopt_row(items[name], row, results, known, retry_failed)

    def _adopt_row(
        self,
        item: PlannedFile,
        row: Row,
        results: LineStore,
        known: _JournaledInputs,
        retry_failed: bool,
    ) -> None:
        name, line = item.job.key, row["line"]
        if self._change(item, row) is not None or _tried_again(row, retry_failed):
            written = tuple(output[0] for output in row["outputs"])
            known.ended.setdefault(name, (row["options"], written, None))
            return
        if line is not None and results.has_line(line):
            line = self.results.add(next(results.lines([line])))
        else:
            line = None
        row = {**row, "line": line}
        self._journal.copy_row(row)
        known.forget(name)
        known.valid[name] = self._earlier_result(item, row)

    def _earlier_result(self, item: PlannedFile, row: Row) -> EarlierResult:
        status = _STATUSES[row["status"]]
        line = row["line"]
        if line is not None and not self.results.has_line(line):
            line = None
        if line is not None and self._renames:
            line = self._renamed(line, item.job.name)
        return EarlierResult(item, status, line, row.get("reason"), row.get("hint"))

    def _renamed(self, line: int, name: str) -> int:
        """The line, or a copy of it that has the recording's name of today."""
        (text,) = self.results.lines([line])
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return line
        if not isinstance(row, dict) or row.get("audio_filepath") == name:
            return line
        return self.results.add(json.dumps({**row, "audio_filepath": name}) + "\n")

    def _change(self, item: PlannedFile, row: Row) -> Change | None:
        """What keeps a row's result from being the one that this session would come to."""
        if row["options"] != self._options:
            return Change.OPTIONS
        if not same_state(row["id"], state_of(item.job.path)):
            return Change.INPUT
        if row["status"] not in _DONE:
            return None
        written = row["outputs"]
        hold = len(written) == len(item.paths) and all(
            output[0] == recorded(path, self._working_folder) and output_holds(path, output)
            for (_, path), output in zip(item.paths, written, strict=True)
        )
        return None if hold else Change.OUTPUT

    def _mark_own_outputs(self, item: PlannedFile, known: _JournaledInputs) -> PlannedFile:
        """The item, with `replaces` set if the files at its paths were written by this run."""
        name = item.job.key
        options, written, _ = known.ended.get(name, _NEVER)
        own = self._options in (options, known.begun.get(name))
        own = own or {recorded(path) for path in item.existing} <= set(written)
        own = own and all(may_replace(self._journal.status, path) for path in item.existing)
        return item._replace(replaces=True) if own else item

    def record_plan(
        self,
        header: PlanHeader,
        planned: Sequence[PlannedFile],
        settled: Sequence[tuple[PlannedFile, FileResult]],
        *,
        with_outputs: bool,
    ) -> None:
        """Record what this session is to do, for `--status`. Raises OutputError."""
        path = self._journal.path.with_name(PLAN)
        write_plan(path, header, planned, settled, with_outputs=with_outputs)

    def record_session(self, count: int, seconds: float) -> None:
        """Record that a session begins: `count` inputs in all, `seconds` of audio to do."""
        self._session = self._journal.record_session(count, seconds, self.date)

    def record_seconds(self, count: int, seconds: float) -> None:
        """Record how much audio the session has to do, which it didn't know when it began."""
        self._journal.record_session(count, seconds, self.date, self._session)

    def record_start(self, item: PlannedFile) -> None:
        """Record that an input is started: its outputs are this run's own from now on."""
        self._identities[item.number] = state_of(item.job.path)
        self._journal.record_start(item.job.key, self._options)

    def identity_of(self, item: PlannedFile) -> Identity | None:
        """The state of an input when it was started."""
        return self._identities.get(item.number)

    def record_end(self, item: PlannedFile, result: FileResult, line: int) -> None:
        """Record how an input ended; `line` is the offset of its manifest line."""
        transcript = result.transcript
        self._journal.record_end(
            item.job.key,
            RunEntry(
                status=result.status,
                identity=self._identities.get(item.number),
                options=self._options,
                seconds=round(transcript.accounting.decoded_seconds, 3) if transcript else 0.0,
                outputs=tuple(
                    _output(to_place(path), sha256)
                    for path, sha256 in zip(result.outputs, result.sums, strict=True)
                ),
                reason=result.reason,
                hint=result.hint,
                line=line,
            ),
        )
        self._identities.pop(item.number, None)


@contextmanager
def open_run_folder(folder: Path, options: str) -> Iterator[RunFolder]:
    """Open the folder for this process alone. Raises UsageError if another one works on it."""
    try:
        # The transcripts are this user's alone, unless the folder was made for others before.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The run folder {folder} can't be made: {error.strerror}.", hint=system_hint(error)
        ) from error
    with _locked(folder):
        clear_leftovers([folder])
        with RunJournal(folder / JOURNAL) as journal, _results(folder / RESULTS) as results:
            yield RunFolder(journal, results, options)


def _results(path: Path) -> LineStore:
    try:
        return LineStore(path)
    except OSError as error:
        raise OutputError(f"The results {path} can't be read: {error.strerror}.") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    try:
        descriptor = lock_file(path, seconds=_LOCK_SECONDS)
    except LockHeld as error:
        raise UsageError(
            f"{folder} is in use by another run ({read_holder(path) or 'unknown process'}).",
            hint=f"`parakeet transcribe --status {folder}` shows its progress.",
        ) from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise OutputError(
                f"The file system of {folder} has no locks ({error.strerror}), and without one "
                "two processes could work on the same run.",
                hint="Name a --run on another disk: inputs and outputs may stay where they are. "
                "On NFS, lockd or the mount option local_lock=flock gives locks.",
            ) from error
        raise OutputError(f"{path} can't be locked: {error.strerror}.") from error
    try:
        write_holder(descriptor, f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        os.close(descriptor)


def is_running(folder: Path) -> bool:
    """Whether a process works on the run now."""
    return is_locked(folder / LOCK)


def _output(where: Place, sha256: str) -> Output:
    size, changed = (0, "") if isinstance(where, Url) else state_of(where) or (0, 0)
    return recorded(where), sha256, size, changed


def _is_own_file(path: Path) -> bool:
    """Whether only this user or root can have written the journal: its word is copied."""
    try:
        return is_own(path.lstat())
    except OSError:
        return False


def _other_shards(folder: Path) -> list[Path]:
    """The folders of the same run's other shards, and of the run without shards."""
    top = folder.parent if _SHARD.fullmatch(folder.name) else folder
    found = [one for one in (top, *sorted(top.glob("shard-*-of-*"))) if (one / JOURNAL).exists()]
    return [one for one in found if one != folder]


def _tried_again(row: Row, retry_failed: bool) -> bool:
    """Whether a result is one that this session doesn't accept, although nothing has changed."""
    status = row["status"]
    return status == Status.SKIPPED or (retry_failed and status in (Status.FAILED, Status.PARTIAL))
