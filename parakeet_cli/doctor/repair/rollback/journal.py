"""Where a repair writes down what it does, before it does it; and the one lock.

Standard library only. Everything lies in `.parakeet` inside the environment: on the same
filesystem as what it keeps, outside what pip changes, and gone when the environment is.

    .parakeet/STATE/journal     one JSON line an event, synced before the event begins
    .parakeet/STATE/before      the manifest of all files as they were
    .parakeet/STATE/after       the same once the repair stands
    .parakeet/STATE/kept/       hard links to the files as they were
    .parakeet/STATE/work        wheels, pip's scratch; gone when the repair has ended
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.rollback.register import FOLDER

# A repair that has one of these last has ended; with any other, it was broken off.
STANDS, PUT_BACK, ABANDONED = "stands", "put-back", "abandoned"
ENDED = frozenset({STANDS, PUT_BACK, ABANDONED})
KEPT = "kept"  # from here on the environment may have been changed
BALLAST = 256 * 1024  # given free before putting back, so that a full disk can't prevent it


class Locked(Exception):
    """Another process repairs this environment."""


class Lock:
    """An exclusive lock on the environment's own folder: nothing is written for it.

    The kernel gives it up when the last process that holds it ends; pip inherits it, so
    a doctor that is killed leaves it with its child until that has ended too.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.descriptor = -1

    def take(self, seconds: float = 0.0) -> Lock:
        """Holds it, or raises Locked. `seconds` is how long to wait for another to end."""
        self.descriptor = os.open(self._prefix, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self
            except BlockingIOError:
                if time.monotonic() >= end:
                    self.give()
                    raise Locked(self._prefix) from None
                time.sleep(0.05)

    def give(self) -> None:
        """Lets go of it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.give()


@dataclass(slots=True)
class RepairJournal:
    """One repair's own folder and its journal."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, prefix: str, facts: Mapping[str, Any]) -> RepairJournal:
        """A new folder with its first event."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        states = Path(prefix, FOLDER)
        with _time_kept(prefix):
            states.mkdir(mode=0o755, exist_ok=True)
        number = 0
        while True:
            folder = states / (f"{stamp}-{number}" if number else stamp)
            try:
                folder.mkdir()
                break
            except FileExistsError:
                number += 1
        journal = cls(folder)
        try:
            (folder / "ballast").write_bytes(bytes(BALLAST))
            (folder / "work").mkdir()
            (folder / "kept").mkdir()
            journal.write("begin", prefix=prefix, pid=os.getpid(), **facts)
        except OSError:
            journal.events.append({"event": "begin", **facts})
            journal.remove()
            raise
        return journal

    @classmethod
    def read(cls, folder: Path) -> RepairJournal:
        """The journal as far as it was written; a torn last line is no event."""
        events: list[dict[str, Any]] = []
        with suppress(FileNotFoundError):
            for line in (folder / "journal").read_bytes().splitlines():
                try:
                    event = json.loads(line)
                except ValueError:
                    break
                if isinstance(event, dict):
                    events.append(event)
        return cls(folder, events)

    def write(self, event: str, **facts: Any) -> None:
        """Appends an event and waits until it is on the disk."""
        row = {"event": event, "time": round(time.time(), 3), **facts}
        line = json.dumps(row, ensure_ascii=True).encode() + b"\n"
        descriptor = os.open(
            self.folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if event in ("begin", KEPT):  # the names as well, not only what is in the files
            self._sync_names()
        self.events.append(row)

    def _sync_names(self) -> None:
        for folder in (self.folder, self.folder.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @property
    def last(self) -> str:
        return str(self.events[-1]["event"]) if self.events else ""

    @property
    def ended(self) -> bool:
        return self.last in ENDED

    @property
    def changed(self) -> bool:
        """Whether the environment may differ from the `before` manifest."""
        return any(event["event"] == KEPT for event in self.events)

    @property
    def began(self) -> dict[str, Any]:
        return self.events[0] if self.events else {}

    @property
    def roots(self) -> tuple[str, ...]:
        """What is surveyed, relative to the environment."""
        for event in self.events:
            if event["event"] == KEPT:
                return tuple(str(root) for root in event["roots"])
        return ()

    @property
    def when(self) -> float:
        return float(self.began.get("time", 0.0)) or self.folder.stat().st_mtime

    def drop(self, *names: str) -> None:
        """Takes parts of the folder away; what is gone already is no error."""
        for name in names:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """The whole folder, and the one around it where it was the last.

        The journal goes last but for the folder itself: broken off, it is found again.
        """
        self.drop("ballast", "work", "kept.tmp", "kept", "before", "after")
        shutil.rmtree(self.folder, ignore_errors=True)
        around = self.folder.parent
        with suppress(OSError), _time_kept(str(around.parent)):  # or others are kept there
            around.rmdir()


@contextmanager
def _time_kept(folder: str) -> Iterator[None]:
    """The environment's own folder keeps its time: nothing of its own changes in it."""
    before = os.stat(folder)
    try:
        yield
    finally:
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def states(prefix: str) -> list[RepairJournal]:
    """Every repair that left something in the environment, the oldest first."""
    folder = Path(prefix, FOLDER)
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return [RepairJournal.read(folder / name) for name in names]
