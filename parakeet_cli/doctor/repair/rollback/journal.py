"""The journal of a repair, written before each step begins, and the lock on the environment.

Standard library only. Everything is in `.parakeet` inside the environment: on the same file
system as the files that are linked, outside what pip changes, and gone with the environment.

    .parakeet/ID/journal    one JSON line per event, synced before the event begins
    .parakeet/ID/before     the manifest of all files before the repair
    .parakeet/ID/after      the manifest after it, once the repair is complete
    .parakeet/ID/kept/      the snapshot: hard links to the files as they were before
    .parakeet/ID/work       wheels and pip's temporary files, removed when the repair has ended
    .parakeet/ID/ballast    disk space that is freed before files are restored
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.rollback.registry import FOLDER
from parakeet_cli.system import json_lines
from parakeet_cli.system.files import sync_folder
from parakeet_cli.system.locks import lock

BALLAST_BYTES = 256 * 1024  # so that a full disk can't prevent restoring


class RepairEvent(StrEnum):
    """The journal's events, by the names they have on disk."""

    BEGUN = "begin"
    FETCHING = "fetching"
    FETCHED = "fetched"
    TAKING_SNAPSHOT = "keeping"
    SNAPSHOT_TAKEN = "kept"  # from here on the environment may have been changed
    STEP = "step"
    STEP_DONE = "step-done"
    VERIFYING = "proving"
    COMPLETE = "stands"
    RESTORING = "putting-back"
    RESTORED = "put-back"
    ABANDONED = "abandoned"


# A repair whose last event is another one was interrupted.
ENDED = frozenset({RepairEvent.COMPLETE, RepairEvent.RESTORED, RepairEvent.ABANDONED})
_BEFORE_CHANGES = frozenset(
    {RepairEvent.BEGUN, RepairEvent.FETCHING, RepairEvent.FETCHED, RepairEvent.TAKING_SNAPSHOT}
)


@contextmanager
def environment_lock(prefix: str, *, seconds: float = 0.0) -> Iterator[int]:
    """Lock the environment's own folder, so nothing is written for it; returns the descriptor.

    The kernel releases it when the last process that has the descriptor ends. pip inherits
    it: when a doctor is killed, its pip holds the lock until that has ended too. Raises
    LockHeld if another process still holds it after `seconds`, and OSError.
    """
    descriptor = os.open(prefix, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor, seconds=seconds)
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class RepairJournal:
    """One repair's folder and the events in its journal."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, prefix: str, facts: Mapping[str, Any]) -> RepairJournal:
        """Make a new folder and write its first event. Raises OSError, and leaves nothing then."""
        around = Path(prefix, FOLDER)
        with _same_mtime(prefix):
            around.mkdir(mode=0o755, exist_ok=True)
        journal = cls(_new_folder(around))
        try:
            (journal.folder / "ballast").write_bytes(bytes(BALLAST_BYTES))
            journal.work.mkdir()
            journal.snapshot.mkdir()
            journal.write(RepairEvent.BEGUN, prefix=prefix, pid=os.getpid(), **facts)
        except OSError:
            journal.remove()
            raise
        return journal

    @classmethod
    def read(cls, folder: Path) -> RepairJournal:
        """The journal as far as it was written; a torn line is left out. Raises OSError.

        A line can be lost with a kill, a power cut or a full disk. That hides no change of the
        environment: any event after the snapshot shows that there may be one, and two events
        name the folders that the snapshot covers.
        """
        return cls(folder, [row for row in json_lines.read(folder / "journal") if "event" in row])

    def write(self, event: RepairEvent, **facts: Any) -> None:
        """Append an event and wait until it is on the disk. Raises OSError."""
        row = {"event": event.value, "time": round(time.time(), 3), **facts}
        json_lines.append(self.folder / "journal", row, sync=True, mode=0o644)
        if event in (RepairEvent.BEGUN, RepairEvent.SNAPSHOT_TAKEN):
            # The names of files as well, not only what is in them.
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        self.events.append(row)

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def before(self) -> Path:
        return self.folder / "before"

    @property
    def after(self) -> Path:
        return self.folder / "after"

    @property
    def snapshot(self) -> Path:
        return self.folder / "kept"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def last(self) -> str:
        """The last event's name; empty if there is none."""
        return str(self.events[-1]["event"]) if self.events else ""

    @property
    def ended(self) -> bool:
        return self.last in ENDED

    @property
    def complete(self) -> bool:
        """Whether the repair was proved and can be rolled back."""
        return self.last == RepairEvent.COMPLETE

    @property
    def changed(self) -> bool:
        """Whether the environment may differ from the `before` manifest."""
        return any(event["event"] not in _BEFORE_CHANGES for event in self.events)

    @property
    def first(self) -> dict[str, Any]:
        return self.events[0] if self.events else {}

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that the snapshot covers, relative to the environment."""
        for event in self.events:
            if "roots" in event:
                return tuple(str(root) for root in event["roots"])
        return ()

    @property
    def began_at(self) -> float:
        """When the repair began, in seconds since the epoch."""
        return float(self.first.get("time", 0.0)) or self.folder.stat().st_mtime

    def drop_temporary(self) -> None:
        """Remove what only a repair at work needs."""
        shutil.rmtree(self.work, ignore_errors=True)
        (self.folder / "ballast").unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder, and `.parakeet` too if it was the last one there.

        The journal is removed last: if this is interrupted, the next command finds it again.
        """
        self.drop_temporary()
        (self.folder / "kept.tmp").unlink(missing_ok=True)
        shutil.rmtree(self.snapshot, ignore_errors=True)
        self.before.unlink(missing_ok=True)
        self.after.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        around = self.folder.parent
        with suppress(OSError), _same_mtime(str(around.parent)):  # it may hold other repairs
            around.rmdir()


def journals(prefix: str) -> list[RepairJournal]:
    """Every repair that left something in the environment, the oldest first."""
    folder = Path(prefix, FOLDER)
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return [RepairJournal.read(folder / name) for name in names]


def _new_folder(around: Path) -> Path:
    """A folder of its own for a repair that begins now, named by the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    number = 0
    while True:
        folder = around / (f"{stamp}-{number}" if number else stamp)
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def _same_mtime(folder: str) -> Iterator[None]:
    """Keep the environment's modification time: nothing of its own changes."""
    before = os.stat(folder)
    try:
        yield
    finally:
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
