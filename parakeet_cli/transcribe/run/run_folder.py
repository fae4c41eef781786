"""A run's folder: what was done, with what, and whether that still stands.

DIR/journal.jsonl   how each input ended (`journal`)
DIR/results.jsonl   each result's manifest line
DIR/lock            held while a process works on the run
DIR/shard-1-of-3/   the same for one shard
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import OutputError, UsageError
from parakeet_cli.transcribe.inputs.storage import (
    FileState,
    Place,
    Url,
    canonical,
    state_of,
    to_place,
)
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.run.journal import (
    NAME,
    Entry,
    Identity,
    Output,
    Row,
    RunJournal,
    rows,
    understood,
)
from parakeet_cli.transcript import FileResult, Status

LOCK = "lock"
RESULTS = "results.jsonl"
_STATUSES = {str(status): status for status in Status}
_SLACK = 1000  # lines that a journal may hold beyond two an input before it is compacted
_PATIENCE = 1.0  # seconds: whoever asks for the status holds the lock for a moment


class EarlierResult(NamedTuple):
    """An input that an earlier session dealt with, and how that ended."""

    item: PlannedFile
    status: Status
    line: int | None  # of the spool
    reason: str | None = None
    hint: str | None = None

    @property
    def result(self) -> FileResult:
        return FileResult(self.item.job.name, self.status, reason=self.reason, hint=self.hint)


@dataclass(slots=True)
class _Found:
    """What the journal has of the inputs that don't stand, by their keys."""

    begun: dict[str, str] = field(default_factory=dict)  # and not ended since; with what options
    ended: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)  # and what it wrote


class RunFolder:
    """A run that goes on where it was stopped. `options` is the fingerprint of how."""

    def __init__(self, journal: RunJournal, spool: LineStore, options: str) -> None:
        self.spool = spool
        self.date = journal.date()
        self._journal = journal
        self._options = options
        self._identities: dict[int, Identity | None] = {}
        self._here = canonical(".")

    def split(
        self, planned: Sequence[PlannedFile], *, retry_failed: bool
    ) -> tuple[list[EarlierResult], list[PlannedFile]]:
        """What is done and still stands, and what is left.

        An input that has changed, other options, an output that is missing or was changed:
        each of them is heard again. The journal is held against the plan as it is read, and
        only what does not stand is kept of it.
        """
        items = {item.job.key: item for item in planned}
        stand: dict[str, EarlierResult] = {}
        found = _Found()
        count = 0
        with understood(self._journal.path):
            for count, row in enumerate(rows(self._journal.path), 1):  # noqa: B007
                if (name := row.get("ended")) is not None:
                    item = items.get(name)
                    stand.pop(name, None)
                    found.begun.pop(name, None)
                    found.ended.pop(name, None)
                    if item is not None and self._stands(item, row, retry_failed):
                        stand[item.job.key] = _earlier(item, row)
                    else:
                        written = tuple(output[0] for output in row["outputs"])
                        found.ended[name] = (row["options"], written)
                elif (name := row.get("begun")) is not None:
                    found.begun[name] = row["options"]
        if count > 2 * (len(stand) + len(found.ended)) + _SLACK:
            self._journal.compact()
        left = [self._own(item, found) for name, item in items.items() if name not in stand]
        return list(stand.values()), left

    def _stands(self, item: PlannedFile, row: Row, retry_failed: bool) -> bool:
        status = row["status"]
        if row["options"] != self._options or not _same(row["id"], state_of(item.job.path)):
            return False
        if status != Status.OK:
            if status == Status.FAILED:
                return not retry_failed
            if status == Status.SKIPPED or retry_failed:
                return False
        written = row["outputs"]
        if len(written) != len(item.paths):
            return False
        for (_, path), output in zip(item.paths, written, strict=True):
            if output[0] != canonical(path, self._here) or not _unchanged(path, output):
                return False
        return True

    def _own(self, item: PlannedFile, found: _Found) -> PlannedFile:
        """Whether what stands at the item's paths was written by this run."""
        name = item.job.key
        options, written = found.ended.get(name, (None, ()))
        own = self._options in (options, found.begun.get(name))
        own = own or {canonical(path) for path in item.existing} <= set(written)
        return item._replace(replaces=True) if own else item

    def plan(self, count: int, seconds: float) -> None:
        self._journal.plan(count, seconds, self.date)

    def begun(self, item: PlannedFile) -> None:
        """It is in hand: its outputs are this run's from now on."""
        self._identities[item.number] = state_of(item.job.path)
        self._journal.begun(item.job.key, self._options)

    def ended(self, item: PlannedFile, result: FileResult, line: int) -> None:
        transcript = result.transcript
        self._journal.ended(
            item.job.key,
            Entry(
                status=result.status,
                identity=self._identities.pop(item.number, None),
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


@contextmanager
def run_folder(folder: Path, options: str) -> Iterator[RunFolder]:
    """Open it, alone. Raises UsageError where another process works on it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The run folder {folder} can't be made: {error.strerror}.") from error
    with (
        _locked(folder),
        RunJournal(folder / NAME) as journal,
        LineStore(folder / RESULTS) as spool,
    ):
        yield RunFolder(journal, spool, options)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}.") from error
    with file:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise UsageError(
                        f"{folder} is in use by another run ({_holder(path)}).",
                        hint=f"`parakeet transcribe --status {folder}` says how far it is.",
                    ) from error
                time.sleep(0.05)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "its process is not known"
    except OSError:
        return "its process is not known"


def is_running(folder: Path) -> bool:
    """Whether a process works on the run now."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _output(where: Place, sha256: str) -> Output:
    size, changed = (0, "") if isinstance(where, Url) else state_of(where) or (0, 0)
    return canonical(where), sha256, size, changed


def _unchanged(where: Place, output: Output) -> bool:
    """By size and time of change; where only the time differs, by content.

    An object elsewhere can only be written whole, and is not fetched to be looked at.
    """
    _, sha256, size, changed = output
    found = state_of(where)
    if found == (size, changed):
        return True
    if isinstance(where, Url) or found is None:
        return found is not None
    if found[0] != size:
        return False
    try:
        with Path(where).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _same(identity: list[int | str] | None, state: FileState | None) -> bool:
    return identity == (None if state is None else list(state))


def _earlier(item: PlannedFile, row: Row) -> EarlierResult:
    status = _STATUSES[row["status"]]
    return EarlierResult(item, status, row["line"], row.get("reason"), row.get("hint"))
