"""An append-only record of a run that outlives kill -9: one JSON object a line.

    {"plan": 2000, "seconds": 7261.4, "at": ...}   a session: so many inputs, so much to hear
    {"begun": KEY, "options": "..."}               an input is in hand
    {"ended": KEY, "status": "ok", "id": [...],    and how it ended
     "options": "...", "seconds": 3.1, "outputs": [[PATH, SHA256, SIZE, MTIME], ...], "line": 0}

Each line is written at once, which a killed process can't take back; it is synced to the
disk in groups, once a second at most, so that a power cut costs a second of knowledge and
no more. A torn last line is passed over. The newest line of a key counts.
"""

from __future__ import annotations

import datetime
import errno
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from parakeet_cli.errors import OutputError
from parakeet_cli.transcript import Status

NAME = "journal.jsonl"
_SYNC_SECONDS = 1.0
_BLOCK = 1 << 16  # bytes taken apart at once: what fits the processor's cache is read fastest

Row = dict[str, Any]
Identity = tuple[int, int | str]  # size in bytes; nanoseconds of the last change, or an ETag
Output = tuple[str, str, int, int | str]  # path, SHA-256, size, last change as above


@dataclass(frozen=True, slots=True)
class Entry:
    """How one input ended. `options` is the fingerprint of what it was heard with."""

    status: Status
    identity: Identity | None
    options: str
    seconds: float = 0.0  # of sound that was heard
    outputs: tuple[Output, ...] = ()
    reason: str | None = None
    hint: str | None = None
    line: int | None = None  # where its manifest line begins in the run's spool
    at: float = 0.0  # seconds since the epoch

    def as_json(self, key: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "ended": key,
            "status": str(self.status),
            "id": self.identity,
            "options": self.options,
            "seconds": self.seconds,
            "outputs": self.outputs,
            "line": self.line,
            "at": self.at,
        }
        return row | ({"reason": self.reason, "hint": self.hint} if self.reason else {})


def _entry(row: dict[str, Any]) -> Entry:
    identity = row["id"]
    return Entry(
        status=Status(row["status"]),
        identity=None if identity is None else (identity[0], identity[1]),
        options=row["options"],
        seconds=row["seconds"],
        outputs=tuple((one[0], one[1], one[2], one[3]) for one in row["outputs"]),
        reason=row.get("reason"),
        hint=row.get("hint"),
        line=row["line"],
        at=row["at"],
    )


@dataclass(slots=True)
class Known:
    """All that a journal says."""

    entries: dict[str, Entry] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)  # and not ended since; with what options
    planned: int = 0
    seconds: float = 0.0  # of sound, that the latest session had to hear
    since: float = 0.0  # when the latest session began
    date: str | None = None  # when the first session began, as names of outputs have it
    lines: int = 0

    def take(self, row: Row) -> None:
        """One line more."""
        self.lines += 1
        if "ended" in row:
            self.entries[row["ended"]] = _entry(row)
            self.begun.pop(row["ended"], None)
        elif "begun" in row:
            self.begun[row["begun"]] = row["options"]
        elif "plan" in row:
            self.planned, self.seconds, self.since = row["plan"], row["seconds"], row["at"]
            self.date = self.date or row["date"]


def read(path: Path) -> Known:
    """What the journal says; nothing where there is none. Raises OutputError."""
    known = Known()
    texts: dict[str, str] = {}  # options and reasons are few, and each stands in memory once
    with understood(path):
        for row in rows(path):
            for name in ("options", "reason", "hint"):
                if isinstance(row.get(name), str):
                    row[name] = texts.setdefault(row[name], row[name])
            known.take(row)
    return known


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Raise OutputError where the block makes nothing of a row."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise OutputError(
            f"{path}: this is no journal of parakeet's.",
            hint="Name another folder with --run, or remove this one to start anew.",
        ) from error


def rows(path: Path) -> Iterator[Row]:
    """The journal's lines, oldest first; none where there is no journal. Raises OutputError."""
    try:
        with path.open("rb") as file:
            yield from _parsed(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"The journal {path} can't be read: {error.strerror}.") from error


def _parsed(file: IO[bytes]) -> Iterator[Row]:
    while lines := file.readlines(_BLOCK):
        try:
            block = json.loads(b"[%s]" % b",".join(lines))  # twice as fast as line by line
        except ValueError:
            block = [row for line in lines for row in _whole(line)]
        for row in block:
            if isinstance(row, dict):
                yield row


def _whole(line: bytes) -> Iterator[Any]:
    # One torn by a kill or a full disk is passed over: what it said will be done again.
    with suppress(ValueError):
        yield json.loads(line)


class RunJournal:
    """A journal that is being written. Only one process may have it open: `RunFolder.lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._synced = time.monotonic()
        try:
            self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags)
        if not _ends_whole(self.path):
            os.write(self._descriptor, b"\n")

    def __enter__(self) -> RunJournal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def date(self) -> str | None:
        """When the first session began, as names of outputs have it."""
        with understood(self.path):
            return next((row["date"] for row in rows(self.path) if "plan" in row), None)

    def plan(self, count: int, seconds: float, date: str | None = None) -> None:
        """A session begins: `count` inputs in all, `seconds` of sound to hear."""
        date = date or datetime.date.today().isoformat()
        self._write({"plan": count, "seconds": round(seconds, 3), "at": _now(), "date": date})

    def begun(self, key: str, options: str) -> None:
        self._write({"begun": key, "options": options})

    def ended(self, key: str, entry: Entry) -> None:
        self._write(replace(entry, at=_now()).as_json(key))

    def _write(self, row: Row) -> None:
        data = _line(row)
        try:
            if os.write(self._descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
        except OSError as error:
            raise self._unwritable(error) from error

    def compact(self) -> None:
        """One line an input, in a new file that takes the old one's place. Raises OutputError."""
        with understood(self.path):
            newest = _newest(rows(self.path))
        fresh = self.path.with_name(f".parakeet-{self.path.name}.part")
        date = self.date()
        try:
            with fresh.open("wb") as file:
                for number, row in enumerate(rows(self.path)):
                    if number in newest:
                        file.write(_line({**row, "date": date} if "plan" in row else row))
                file.flush()
                os.fsync(file.fileno())
            os.close(self._descriptor)
            fresh.replace(self.path)
            self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"The journal {self.path} can't be written: {error.strerror}.")


def _newest(found: Iterable[Row]) -> set[int]:
    """The numbers of the rows that no later one has overtaken."""
    ended: dict[str, int] = {}
    begun: dict[str, int] = {}  # and not ended since
    plan: dict[str, int] = {}
    for number, row in enumerate(found):
        if "ended" in row:
            ended[row["ended"]] = number
            begun.pop(row["ended"], None)
        elif "begun" in row:
            begun[row["begun"]] = number
        elif "plan" in row:
            plan["plan"] = number
    return {*ended.values(), *begun.values(), *plan.values()}


def _now() -> float:
    return round(time.time(), 3)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n"


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
