"""What became of each stretch of a recording: one JSON object a line, beside the sound.

Utterances are settled in order, so one number says up to where everything is: `mark`.
A text that is about to be inserted is written down before, and what became of it after:
killed in between, only the sink can tell whether it is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

VERSION = 1


@dataclass(frozen=True, slots=True)
class Target:
    """One place that a text goes to; the file that can be asked, and its size before."""

    sink: str  # what `--sink` calls it, without its argument
    path: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A text on its way into the sinks.

    It stands in the place of the insertions `replaced`, the oldest first; where they can't
    be taken back, `instead` is inserted behind them. `lacking` are the files, and the names
    of the other sinks, that it is known not to have arrived at.
    """

    number: int
    first: int
    last: int
    text: str
    to: tuple[Target, ...] = ()
    wall: float = 0.0
    replaced: tuple[str, ...] = ()
    instead: str = ""
    lacking: tuple[str, ...] = ()

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Intent:
        """From a line of the journal."""
        first, last = record["of"]
        return cls(
            record["intent"],
            first,
            last,
            record["text"],
            tuple(Target(**target) for target in record.get("to", ())),
            record.get("wall", 0.0),
            tuple(record.get("replaced", ())),
            record.get("instead", ""),
        )

    @property
    def files(self) -> frozenset[str]:
        """Those that are known to have it, of a text that did not arrive everywhere."""
        if not self.lacking:
            return frozenset()
        files = {target.path for target in self.to if target.sink == "file" and target.path}
        return frozenset(files.difference(self.lacking))

    @property
    def record(self) -> dict[str, Any]:
        """A line of the journal."""
        return {
            "intent": self.number,
            "of": [self.first, self.last],
            "text": self.text,
            "to": [asdict(target) for target in self.to],
            "wall": self.wall,
            "replaced": self.replaced,
            "instead": self.instead,
        }


@dataclass(slots=True)
class JournalState:
    """What a journal tells. Positions are samples of the recording."""

    header: dict[str, Any] = field(default_factory=dict)
    mark: int = 0  # everything before is settled, but for what follows here
    failed: list[tuple[int, int]] = field(default_factory=list)  # the engine could not hear it
    open: dict[int, Intent] = field(default_factory=dict)  # perhaps inserted, perhaps not
    kept: dict[int, Intent] = field(default_factory=dict)  # certainly not inserted
    gaps: list[tuple[int, float]] = field(default_factory=list)
    ended: bool = False

    def take(self, record: Mapping[str, Any]) -> None:
        """One line."""
        match record:
            case {"gap": at, "seconds": seconds}:
                self.gaps.append((at, seconds))
            case {"quiet": last}:
                self.mark = max(self.mark, last)
            case {"failed": [first, last]}:
                self.failed.append((first, last))
                self.mark = max(self.mark, last)
            case {"heard": [first, last]}:
                self._settle(first, last)
            case {"intent": number, "of": [first, last], "text": _}:
                # One line for both: killed between two, the text would be there twice.
                self._drop(record.get("again"))
                self.open[number] = Intent.read(record)
                self._settle(first, last)
            case {"done": number}:
                self._drop(number)
            case {"kept": number}:
                if number in self.open:
                    intent = self.open.pop(number)
                    self.kept[number] = replace(
                        intent,
                        text=record.get("text", intent.text),
                        lacking=tuple(record.get("lacking", ())),
                    )
            case {"ended": _}:
                self.ended = True
            case {"version": _}:
                self.header = dict(record)

    def _drop(self, number: int | None) -> None:
        if number is not None:
            self.open.pop(number, None)
            self.kept.pop(number, None)

    def _settle(self, first: int, last: int) -> None:
        self.mark = max(self.mark, last)
        self.failed = [
            piece
            for begin, end in self.failed
            for piece in ((begin, min(end, first)), (max(begin, last), end))
            if piece[0] < piece[1]
        ]

    @property
    def needed(self) -> int:
        """The first sample that may still be asked for."""
        return min((self.mark, *(first for first, _ in self.failed)))


class DictationJournal:
    """Each line in one write, and on the disk where it matters."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file: int | None = os.open(path, flags, 0o600)
        self._lock = Lock()
        self.state = read_journal(path)
        self._number = max((0, *self.state.open, *self.state.kept))
        self.broken: OSError | None = None  # why it can't be written any more

    def write(self, sync: bool = True, **record: Any) -> None:
        """One line. A disk that is full must not stop the text on its way: see `broken`."""
        line = json.dumps(record, ensure_ascii=False) + "\n"
        with self._lock:
            self.state.take(record)
            if self._file is None:
                return
            try:
                os.write(self._file, line.encode())
                if sync:
                    os.fdatasync(self._file)
            except OSError as error:
                self.broken = error

    def intend(
        self,
        first: int,
        last: int,
        text: str,
        to: Sequence[Target] = (),
        *,
        wall: float = 0.0,
        replaced: Sequence[str] = (),
        instead: str = "",
        again: int | None = None,
    ) -> int:
        """Write down what is about to be inserted; its number.

        `again` is the number that it had when it did not arrive.
        """
        self._number += 1
        intent = Intent(self._number, first, last, text, tuple(to), wall, tuple(replaced), instead)
        self.write(sync=False, **intent.record, again=again)
        return self._number

    def close(self) -> None:
        """What is written from now on is left out."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def read_journal(path: Path) -> JournalState:
    """What is written there; a line that a kill tore is left out."""
    state = JournalState()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return state
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            state.take(record)
    return state
