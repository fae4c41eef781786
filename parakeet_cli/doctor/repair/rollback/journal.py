"""The journal of a repair, written before each step begins, and the lock on the environment.

Standard library only. Everything is in `.parakeet` inside the environment: on the same file
system as the files that are linked, outside what pip changes, and gone with the environment.

    .parakeet/ID/journal    one JSON line per event, synced before the event begins
    .parakeet/ID/before     the manifest of all files before the repair
    .parakeet/ID/after      the manifest after it, once the repair is complete
    .parakeet/ID/kept/      the snapshot: hard links to the files as they were before
    .parakeet/ID/kept.tmp   the file that is being restored
    .parakeet/ID/work       wheels and pip's temporary files, removed when the repair has ended
    .parakeet/ID/ballast    disk space that is freed before files are restored
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.rollback import beneath, validate
from parakeet_cli.doctor.repair.rollback.events import (
    BEFORE_CHANGES,
    ENDED,
    Event,
    RepairEvent,
)
from parakeet_cli.doctor.repair.rollback.registry import FOLDER
from parakeet_cli.doctor.repair.rollback.snapshot import SCRATCH, SNAPSHOT, Manifest
from parakeet_cli.system import json_lines
from parakeet_cli.system.files import sync_folder
from parakeet_cli.system.locks import lock

# Windows has neither, and refuses to open a folder: nothing is repaired there.
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
BALLAST_BYTES = 256 * 1024  # so that a full disk can't prevent restoring


@contextmanager
def environment_lock(prefix: str, *, seconds: float = 0.0) -> Iterator[int]:
    """Lock the environment's own folder, so nothing is written for it; returns the descriptor.

    The kernel releases it when the last process that has the descriptor ends. pip inherits
    it: when a doctor is killed, its pip holds the lock until that has ended too. Raises
    LockHeld if another process still holds it after `seconds`, and OSError.
    """
    descriptor = os.open(prefix, os.O_RDONLY | _FOLDER)
    try:
        lock(descriptor, seconds=seconds)
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class RepairJournal:
    """One repair's folder and the events in its journal."""

    folder: Path
    events: list[Event] = field(default_factory=list)
    own: bool = True  # whether it is this user's; else it is root's

    @classmethod
    def begin(cls, prefix: str, facts: Mapping[str, Any]) -> RepairJournal:
        """Make a new folder and write its first event.

        Raises OSError, and leaves nothing then; JournalRefused if `.parakeet` isn't to be trusted.
        """
        validate.repair_ids(prefix)
        around = Path(prefix, FOLDER)
        with same_mtime(prefix):
            around.mkdir(mode=0o755, exist_ok=True)
        journal = cls(_new_folder(around))
        try:
            journal.work.mkdir(mode=0o755)
            journal.snapshot.mkdir(mode=0o755)
            with journal.opened() as folder:
                _write_ballast(folder)
            journal.write(RepairEvent.BEGUN, prefix=prefix, pid=os.getpid(), **facts)
        except OSError:
            journal.remove()
            raise
        return journal

    @classmethod
    def read(cls, folder: Path) -> RepairJournal:
        """The journal as far as it was written; a torn line is left out.

        Raises JournalRefused if it isn't exactly what a repair leaves, and OSError.
        A line can be lost with a kill, a power cut or a full disk. That hides no change of the
        environment: any event after the snapshot shows that there may be one, and two events
        name the folders that the snapshot covers.
        """
        return cls(folder, *validate.read_repair(str(folder.parent.parent), folder.name))

    def opened(self) -> AbstractContextManager[int]:
        """The folder's descriptor, reached through no link. Raises OSError."""
        return beneath.opened(self.prefix, FOLDER, self.id)

    def checked_before(self) -> Manifest:
        """The `before` manifest, which agrees with the snapshot and names only what is inside.

        Raises JournalRefused, OSError.
        """
        manifest = validate.checked_manifest(self.prefix, self.id, "before", self.roots)
        validate.check_snapshot(self.prefix, self.id, manifest, self.roots)
        return manifest

    def checked_after(self) -> Manifest:
        """The `after` manifest. Raises JournalRefused, OSError."""
        return validate.checked_manifest(self.prefix, self.id, "after", self.roots)

    def check_removable(self) -> None:
        """Raises JournalRefused if the folder can't be removed, and OSError."""
        validate.check_removable(self.prefix, self.id)

    def write(self, event: RepairEvent, **facts: Any) -> None:
        """Append an event and wait until it is on the disk. Raises OSError."""
        row = {"event": event.value, "time": round(time.time(), 3), **facts}
        with self.opened() as folder:
            json_lines.append(Path("journal"), row, sync=True, mode=0o644, folder=folder)
        if event in (RepairEvent.BEGUN, RepairEvent.SNAPSHOT_TAKEN):
            # The names of files as well, not only what is in them.
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        self.events.append(row)

    @property
    def prefix(self) -> str:
        """The environment."""
        return str(self.folder.parent.parent)

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
        return self.folder / SNAPSHOT

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
        return any(event["event"] not in BEFORE_CHANGES for event in self.events)

    @property
    def first(self) -> Event:
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
        with suppress(OSError), self.opened() as folder:
            _remove(folder, "work", "ballast")

    def remove(self) -> None:
        """Remove the folder, and `.parakeet` too if it was the last one there.

        The journal is removed last: if this is interrupted, the next command finds it again.
        """
        with suppress(OSError), self.opened() as folder:
            _remove(folder, "work", "ballast", SCRATCH, SNAPSHOT, "before", "after")
        with suppress(OSError), beneath.opened(self.prefix, FOLDER) as around:
            _remove(around, self.id)
        with suppress(OSError), same_mtime(self.prefix), beneath.opened(self.prefix) as top:
            os.rmdir(FOLDER, dir_fd=top)  # it may hold other repairs


def journals(prefix: str) -> list[RepairJournal]:
    """Every repair that left something in the environment, the oldest first.

    Raises JournalRefused if any of them isn't exactly what a repair leaves.
    """
    found = []
    for id_ in validate.repair_ids(prefix):
        with suppress(FileNotFoundError):  # another process removed it meanwhile
            found.append(RepairJournal.read(Path(prefix, FOLDER, id_)))
    return found


def _remove(folder: int, *names: str) -> None:
    """Remove what can be removed."""
    for name in names:
        with suppress(OSError):
            beneath.remove(folder, name)


def _write_ballast(folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open("ballast", flags, 0o644, dir_fd=folder), "wb") as file:
        file.write(bytes(BALLAST_BYTES))


def _new_folder(around: Path) -> Path:
    """A folder of its own for a repair that begins now, named by the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    number = 0
    while True:
        folder = around / (f"{stamp}-{number}" if number else stamp)
        try:
            folder.mkdir(mode=0o755)
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def same_mtime(folder: str) -> Iterator[None]:
    """Keep the environment's modification time: nothing of its own changes."""
    before = os.stat(folder)
    try:
        yield
    finally:
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
