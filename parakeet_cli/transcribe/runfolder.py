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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.errors import OutputError, UsageError
from parakeet_cli.transcribe.inputs import Job
from parakeet_cli.transcribe.journal import NAME, Entry, Identity, Journal, Output
from parakeet_cli.transcribe.outputs import Planned
from parakeet_cli.transcribe.spool import Spool
from parakeet_cli.transcribe.storage import Place, Url, key, place, state_of
from parakeet_cli.transcript import FileResult, Status

LOCK = "lock"
RESULTS = "results.jsonl"
_PATIENCE = 1.0  # seconds: whoever asks for the status holds the lock for a moment


@dataclass(frozen=True, slots=True)
class Earlier:
    """An input that an earlier session dealt with."""

    item: Planned
    result: FileResult
    line: int | None  # of the spool


class RunFolder:
    """A run that goes on where it was stopped. `options` is the fingerprint of how."""

    def __init__(self, journal: Journal, spool: Spool, options: str) -> None:
        self.spool = spool
        self.date = journal.known.date
        self._journal = journal
        self._options = options
        self._identities: dict[int, Identity | None] = {}

    def split(
        self, planned: Iterable[Planned], *, retry_failed: bool
    ) -> tuple[list[Earlier], list[Planned]]:
        """What is done and still stands, and what is left.

        An input that has changed, other options, an output that is missing or was changed:
        each of them is heard again.
        """
        earlier, left = [], []
        for item in planned:
            name = key_of(item.job)
            entry = self._journal.known.entries.get(name)
            if entry is not None and self._stands(item, entry, retry_failed):
                earlier.append(Earlier(item, _result(item.job, entry), entry.line))
            else:
                left.append(self._own(item, name, entry))
        return earlier, left

    def _stands(self, item: Planned, entry: Entry, retry_failed: bool) -> bool:
        if entry.options != self._options or entry.identity != state_of(item.job.path):
            return False
        if entry.status is Status.FAILED:
            return not retry_failed
        if entry.status is Status.PARTIAL and retry_failed:
            return False
        kept = {output[0]: output for output in entry.outputs}
        return entry.status is not Status.SKIPPED and all(
            (output := kept.get(key(path))) is not None and _unchanged(path, output)
            for _, path in item.paths
        )

    def _own(self, item: Planned, name: str, entry: Entry | None) -> Planned:
        """Whether what stands at the item's paths was written by this run."""
        begun = self._journal.known.begun.get(name) == self._options
        failed = entry is not None and entry.options == self._options
        known = {output[0] for output in entry.outputs} if entry else set()
        own = begun or failed or {key(path) for path in item.existing} <= known
        return replace(item, replaces=True) if own else item

    def plan(self, count: int, seconds: float) -> None:
        self._journal.plan(count, seconds)

    def begun(self, item: Planned) -> None:
        """It is in hand: its outputs are this run's from now on."""
        self._identities[item.number] = state_of(item.job.path)
        self._journal.begun(key_of(item.job), self._options)

    def ended(self, item: Planned, result: FileResult, line: int) -> None:
        transcript = result.transcript
        self._journal.ended(
            key_of(item.job),
            Entry(
                status=result.status,
                identity=self._identities.pop(item.number, None),
                options=self._options,
                seconds=round(transcript.accounting.decoded_seconds, 3) if transcript else 0.0,
                outputs=tuple(
                    _output(place(path), sha256)
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
        Journal(folder / NAME) as journal,
        Spool(folder / RESULTS) as spool,
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


def key_of(job: Job) -> str:
    """What the journal calls an input: its whole path, and which part of it."""
    where = key(job.path)
    if job.offset or job.duration is not None:
        return f"{where}#{job.offset:g}+{job.duration}"
    return where


def _output(where: Place, sha256: str) -> Output:
    size, changed = (0, "") if isinstance(where, Url) else state_of(where) or (0, 0)
    return key(where), sha256, size, changed


def _unchanged(where: Place, output: Output) -> bool:
    """By size and time of change; where only the time differs, by content.

    An object elsewhere can only be written whole, and is not fetched to be looked at.
    """
    _, sha256, size, changed = output
    found = state_of(where)
    if isinstance(where, Url) or found is None:
        return found is not None
    if found[0] != size or found[1] == changed:
        return found[0] == size
    try:
        with where.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _result(job: Job, entry: Entry) -> FileResult:
    return FileResult(
        job.name,
        entry.status,
        reason=entry.reason,
        hint=entry.hint,
        outputs=tuple(output[0] for output in entry.outputs),
    )
