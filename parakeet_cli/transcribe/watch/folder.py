"""Watches a folder and reports each file once it has stopped growing.

The folder is polled. Network folders, mounts of virtual machines and FUSE report no changes that
other machines make, so polling is needed in any case; and since a file has to rest for seconds
before it is taken, events would save no time, only a look each second, which takes a few
milliseconds for a thousand files.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

from parakeet_cli.system.locks import is_open_for_writing, knows_writers
from parakeet_cli.transcribe.inputs.storage import split_suffix

LOOK_SECONDS = 1.0  # between two looks, if files needn't rest for less than two of them
_SHARE = 0.02  # of the time that looking may take: large folders are looked through less often
_UNCERTAIN = 5.0  # times longer a file must rest where nobody knows whether it is being written
_DOUBTFUL = 20.0  # and one that is empty or beside an unfinished one: browsers make such ones

# What copies and downloads that aren't complete are called; the name without it may be a
# placeholder for the same download.
_KINDS = "!qb !ut aria2 bc! crdownload download filepart opdownload part partial temp tmp ytdl"
UNFINISHED = frozenset(f".{kind}" for kind in _KINDS.split())
_PLACEHOLDERS = ("~$", "~syncthing~")  # what names begin with that other programs will remove


class FileMark(NamedTuple):
    """What changes if a file does: size, times of change in nanoseconds, device and inode."""

    size: int
    modified: int
    changed: int
    device: int
    inode: int


class Arrival(NamedTuple):
    """A file that rests, by its name below the folder."""

    name: str
    mark: FileMark


@dataclass(slots=True)
class _Seen:
    """A file of the folder: since when it has been as it is, by `time.monotonic`."""

    mark: FileMark
    since: float
    reported: bool = False


class WatchedFolder:
    """Looks through a folder in a thread, and puts the files that rest into `arrivals`.

    `takes` says which names are recordings, and `leaves_out` which folders aren't entered, by
    their absolute paths. A file must be unchanged for `settle` seconds. `say` is called with what
    people should know: that the folder is gone, or is there again.
    """

    def __init__(
        self,
        top: str,
        takes: Callable[[str], bool],
        *,
        settle: float,
        leaves_out: Callable[[str], bool] = lambda _: False,
        say: Callable[[str], object],
    ) -> None:
        self.arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._top = top
        self._takes = takes
        self._leaves_out = leaves_out
        self._settle = settle
        self._say = say
        self._seen: dict[str, _Seen] = {}
        self._unreadable: dict[str, str] = {}  # folders, with the reason that was said
        self._certain = False  # whether the file system knows who writes
        self._device: int | None = None
        self._stop = Event()

    def __enter__(self) -> WatchedFolder:
        # A daemon: a dead network mount may keep it waiting for ever.
        Thread(target=self._watch, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _watch(self) -> None:
        took = 0.0
        least = min(LOOK_SECONDS, self._settle / 2)
        while not self._stop.wait(max(least, took / _SHARE) if took else 0.0):
            began = time.monotonic()
            self.look(began)
            took = max(time.monotonic() - began, 1e-6)

    def names(self) -> list[str]:
        """The files that are there now, whether they rest or not, sorted."""
        self.look(time.monotonic())
        return sorted(self._seen)

    def look(self, now: float) -> None:
        """Look through the folder once; `now` is the time by `time.monotonic`."""
        try:
            device = os.stat(self._top).st_dev  # noqa: PTH116
            present = set(self._look_through(now))
        except OSError as error:
            self._lost(self._top, error)
            return
        self._found(self._top)
        if device != self._device:
            self._device, self._certain = device, knows_writers(self._top)
        for name in self._seen.keys() - present:
            del self._seen[name]

    def _look_through(self, now: float) -> Iterator[str]:
        """The names of the files that are there. Raises OSError if the folder can't be read."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                names, folders = self._list(folder, now)
            except OSError as error:
                if not folder:
                    raise
                yield from self._below(folder)  # what was there before isn't gone for that
                if not isinstance(error, FileNotFoundError):
                    self._lost(os.path.join(self._top, folder), error)  # noqa: PTH118
                continue
            self._found(os.path.join(self._top, folder) if folder else self._top)  # noqa: PTH118
            yield from names
            pending += folders

    def _below(self, folder: str) -> list[str]:
        return [name for name in self._seen if name.startswith(f"{folder}/")]

    def _list(self, folder: str, now: float) -> tuple[list[str], list[str]]:
        """The files to take and the folders below one, by their names below the top."""
        prefix = f"{folder}/" if folder else ""
        files: dict[str, os.DirEntry[str]] = {}
        every: set[str] = set()
        folders: list[str] = []
        with os.scandir(os.path.join(self._top, folder) if folder else self._top) as entries:  # noqa: PTH118
            for entry in entries:
                if entry.name.startswith("."):  # rsync's and others' temporary names, trash
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not self._leaves_out(os.path.abspath(entry.path)):
                        folders.append(prefix + entry.name)
                    continue
                every.add(entry.name)
                if self._takes(entry.name) and not is_unfinished(entry.name):
                    files[entry.name] = entry
        awaited = _placeholders(every)
        for name, entry in files.items():
            with suppress(OSError):  # it was there a moment ago
                self._look_at(prefix + name, entry, now, awaited=name in awaited)
        return [prefix + name for name in files], folders

    def _look_at(self, name: str, entry: os.DirEntry[str], now: float, *, awaited: bool) -> None:
        """Compare a file with what it was, and report it once it rests. Raises OSError."""
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):
            return
        mark = FileMark(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino
        )
        seen = self._seen.get(name)
        if seen is None or seen.mark != mark:
            self._seen[name] = _Seen(mark, now)
        elif not seen.reported:
            doubtful = awaited or not mark.size
            rested = (now - seen.since) / (_DOUBTFUL if doubtful else 1.0)
            if rested >= self._settle and self._is_whole(entry.path, seen, rested):
                seen.reported = True
                self.arrivals.put(Arrival(name, mark))

    def _is_whole(self, path: str, seen: _Seen, rested: float) -> bool:
        """Whether nobody is writing a file, or it has rested for long where that isn't known."""
        written = None
        if self._certain and seen.mark.device == self._device:
            with suppress(OSError):  # one that can't be opened is reported as such later
                written = is_open_for_writing(path)
        if written is None:
            return rested >= self._settle * _UNCERTAIN
        return not written

    def _lost(self, folder: str, error: OSError) -> None:
        reason = error.strerror or str(error)
        if self._unreadable.get(folder) != reason:
            self._unreadable[folder] = reason
            self._say(f"{folder} can't be read: {reason}. It is looked for until it can.")

    def _found(self, folder: str) -> None:
        if self._unreadable.pop(folder, None) is not None:
            self._say(f"{folder} can be read again.")


def is_unfinished(name: str) -> bool:
    """Whether a name is one of a copy or a download that isn't complete."""
    return split_suffix(name)[1].lower() in UNFINISHED or name.startswith(_PLACEHOLDERS)


def _placeholders(names: set[str]) -> set[str]:
    """The names that stand for others: `a.wav` beside `a.wav.part` or `a.x1Y2.wav.part`."""
    found = set()
    for name in names:
        stem, suffix = split_suffix(name)
        if suffix.lower() not in UNFINISHED:
            continue
        found.add(stem)
        base, kind = split_suffix(stem)
        found.add(split_suffix(base)[0] + kind)
    return found & names
