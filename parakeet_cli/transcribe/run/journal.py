"""The journal of a run, an append-only record that outlives kill -9: one JSON object a line.

    {"plan": 2000, "seconds": 7261.4, "at": ...}   a session starts: inputs, seconds to do
    {"begun": KEY, "options": "..."}               an input is started
    {"ended": KEY, "status": "ok", "id": [...],    and how it ended
     "options": "...", "seconds": 3.1, "outputs": [[PATH, SHA256, SIZE, MTIME], ...], "line": 0}

Each row is written at once, which a killed process can't take back. Rows are synced to the
disk in groups, at most once a second, so that a power cut costs no more than the last
second's. A line that can't be read costs that line. The newest row of a key counts.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from parakeet_cli.errors import OutputError, system_hint
from parakeet_cli.system import json_lines
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.safety.url_passwords import name_without_passwords, without_passwords
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of
from parakeet_cli.transcribe.run.journal_rows import is_own, wrong_value
from parakeet_cli.transcript import Status

JOURNAL = "journal.jsonl"
_SYNC_SECONDS = 1.0

Row = json_lines.Row
Identity = tuple[int, int | str]  # size in bytes; nanoseconds of the last change, or an ETag
Output = tuple[str, str, int, int | str]  # path, SHA-256, size, last change as above


@dataclass(frozen=True, slots=True)
class RunEntry:
    """How one input ended. `options` is the fingerprint of the options it was done with."""

    status: Status
    identity: Identity | None
    options: str
    seconds: float = 0.0  # of audio that was decoded
    outputs: tuple[Output, ...] = ()
    reason: str | None = None
    hint: str | None = None
    line: int | None = None  # the offset of its manifest line among the run's results
    at: float = 0.0  # seconds since the epoch

    def as_json(self, key: str) -> Row:
        row: Row = {
            "ended": key,
            "status": str(self.status),
            "id": self.identity,
            "options": self.options,
            "seconds": self.seconds,
            "outputs": self.outputs,
            "line": self.line,
            "at": self.at,
        }
        return _without_passwords(
            row | ({"reason": self.reason, "hint": self.hint} if self.reason else {})
        )


def _without_passwords(row: Row) -> Row:
    """The row as it is written today: older versions wrote URLs with their passwords."""
    for key in ("ended", "begun"):
        if "://" in row.get(key, ""):
            row[key] = name_without_passwords(row[key])
    for key in ("reason", "hint"):
        if row.get(key) is not None:
            row[key] = without_passwords(row[key])
    if any("://" in output[0] for output in row.get("outputs", ())):
        row["outputs"] = [[name_without_passwords(path), *more] for path, *more in row["outputs"]]
    return row


def _parse_entry(row: Row) -> RunEntry:
    identity = row["id"]
    return RunEntry(
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
class JournalContent:
    """Everything that a journal records."""

    entries: dict[str, RunEntry] = field(default_factory=dict)  # by the inputs' keys
    begun: dict[str, str] = field(default_factory=dict)  # key to options; not ended since
    planned: int = 0  # inputs
    seconds: float = 0.0  # of audio that the latest session had to do
    since: float = 0.0  # when the latest session began
    date: str | None = None  # of the first session, as it is used in names of outputs
    lines: int = 0
    unreadable: int = 0  # lines

    def add(self, row: Row) -> None:
        self.lines += 1
        if "ended" in row:
            self.entries[row["ended"]] = _parse_entry(row)
            self.begun.pop(row["ended"], None)
        elif "begun" in row:
            self.begun[row["begun"]] = row["options"]
        elif "plan" in row:
            self.planned, self.seconds, self.since = row["plan"], row["seconds"], row["at"]
            self.date = self.date or row["date"]


def read_journal(path: Path) -> JournalContent:
    """The journal's content; empty if there is no journal. Raises OutputError."""
    content = JournalContent()
    texts: dict[str, str] = {}  # options and reasons are few: one copy of each is in memory

    def count_unreadable() -> None:
        content.unreadable += 1

    with invalid_rows_reported(path):
        for row in read_rows(path, on_unreadable=count_unreadable):
            for name in ("options", "reason", "hint"):
                if isinstance(row.get(name), str):
                    row[name] = texts.setdefault(row[name], row[name])
            content.add(row)
    return content


@contextmanager
def invalid_rows_reported(path: Path) -> Iterator[None]:
    """Raise OutputError if the block can't interpret a row of the journal."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise OutputError(
            f"{path} isn't a journal of parakeet's.",
            hint="Name another folder with --run, or remove this one to start again.",
        ) from error


def read_rows(path: Path, *, on_unreadable: Callable[[], object] = lambda: None) -> Iterator[Row]:
    """The journal's rows, oldest first; none if there is no journal.

    `on_unreadable` is called for each line that no run writes, which costs that line. Raises
    OutputError, and ValueError if the file has rows, but none of a run.
    """
    wrong, valid = None, False
    try:
        for row in json_lines.read(path, on_unreadable=on_unreadable):
            if (found := wrong_value(row)) is not None:
                wrong = found
                on_unreadable()
                continue
            valid = True
            yield _without_passwords(row)
    except OSError as error:
        raise OutputError(f"The journal {path} can't be read: {error.strerror}.") from error
    if wrong is not None and not valid:
        raise ValueError(wrong)


class RunJournal:
    """A journal that is being written. `RunFolder`'s lock keeps other processes out."""

    def __init__(self, path: Path) -> None:
        """Create the file if need be. Raises OutputError."""
        self.path = path
        self._synced = time.monotonic()
        with self._write_errors():
            self._rows = json_lines.Appender(path, links=False)
        self.status = self._rows.status

    def __enter__(self) -> RunJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.sync()
        self._rows.close()

    def first_date(self) -> str | None:
        """The date of the first session, as it is used in names of outputs."""
        with invalid_rows_reported(self.path):
            return next((row["date"] for row in read_rows(self.path) if "plan" in row), None)

    def record_session(
        self, count: int, seconds: float, date: str | None = None, began: float | None = None
    ) -> float:
        """Record that a session begins: `count` inputs in all, `seconds` of audio to do.

        Returns when it began, in seconds since the epoch. With that as `began`, what was recorded
        of the session is replaced.
        """
        date = date or datetime.date.today().isoformat()
        began = began or _now()
        self._append({"plan": count, "seconds": round(seconds, 3), "at": began, "date": date})
        return began

    def record_start(self, key: str, options: str) -> None:
        """Record that an input is started."""
        self._append({"begun": key, "options": options})

    def record_end(self, key: str, entry: RunEntry) -> None:
        """Record how an input ended."""
        self._append(replace(entry, at=_now()).as_json(key))

    def copy_row(self, row: Row) -> None:
        """Record how an input ended in another shard of the run."""
        self._append(row)

    def compact(self, rewrite: Callable[[Row], Row] = lambda row: row) -> None:
        """Replace the journal by one with the newest row of each input. Raises OutputError.

        `rewrite` is called with each row and returns what stands there from now on. Another
        user's journal stays: it would become this user's, whose word counts for more.
        """
        if not is_own(self.status):
            return
        with invalid_rows_reported(self.path):
            newest = _newest_rows(map(rewrite, read_rows(self.path)))
        date = self.first_date()
        with self._write_errors():
            with atomic_writer(self.path) as file:
                for number, row in enumerate(read_rows(self.path)):
                    if number in newest:
                        row = {**row, "date": date} if "plan" in row else row
                        file.write(json_lines.encode(rewrite(row)))
            self._rows.close()
            self._rows = json_lines.Appender(self.path, links=False)

    def _append(self, row: Row) -> None:
        with self._write_errors():
            self._rows.append(row)
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                self._rows.sync()
                self._synced = time.monotonic()

    @contextmanager
    def _write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"The journal {self.path} can't be written: {error.strerror}."
            obstacle = obstacle_of(error, str(self.path.parent))
            raise OutputError(message, hint=system_hint(error), obstacle=obstacle) from error


def _newest_rows(rows: Iterable[Row]) -> set[int]:
    """The numbers of the rows that no later one replaces."""
    ended: dict[str, int] = {}
    begun: dict[str, int] = {}  # and not ended since
    plan: dict[str, int] = {}
    for number, row in enumerate(rows):
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
