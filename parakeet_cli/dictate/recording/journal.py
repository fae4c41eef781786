"""Records what became of each interval of a recording: one JSON object a line, beside the sound.

Utterances are settled in order, so one number, `settled`, says up to where everything is.
A text is written down before it is inserted, and its outcome after: if the process is killed
in between, only the sink can tell whether the text was delivered.

The keys of a line, in files that older versions left too:
    version, source, sinks, began   the header
    gap, seconds                    nothing was recorded before that sample for that time
    quiet                           no speech up to that sample
    heard                           transcribed, and there was nothing to insert
    failed                          the engine failed on that interval
    intent, of, text, to, ...       a text that is about to be inserted (see Intent)
    done, kept                      the number of an intent that was delivered, or was not
    ended                           the dictation ended normally
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from parakeet_cli.dictate.recording.journal_rows import wrong_value
from parakeet_cli.system import json_lines

_log = logging.getLogger(__name__)

VERSION = 1

Interval = tuple[int, int]  # samples of the recording: the first, and the one after the last


@dataclass(frozen=True, slots=True)
class Target:
    """One place that a text goes to; a file that can be checked, and its size before."""

    sink: str  # its `--sink` name, without the argument
    path: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A text that is about to be inserted into the sinks.

    It takes the place of the insertions `replaced`, the oldest first; where they can't be
    taken back, `instead` is inserted after them. `lacking` are the files, and the names of
    the other sinks, to which it is known not to have been delivered.
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
    def from_row(cls, row: Mapping[str, Any]) -> Intent:
        """From a line of the journal."""
        first, last = row["of"]
        return cls(
            row["intent"],
            first,
            last,
            row["text"],
            tuple(Target(**target) for target in row.get("to", ())),
            row.get("wall", 0.0),
            tuple(row.get("replaced", ())),
            row.get("instead", ""),
        )

    @property
    def row(self) -> dict[str, Any]:
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

    @property
    def delivered_files(self) -> frozenset[str]:
        """The files that have the text, if it was not delivered to every sink."""
        if not self.lacking:
            return frozenset()
        files = {target.path for target in self.to if target.sink == "file" and target.path}
        return frozenset(files.difference(self.lacking))


@dataclass(slots=True)
class JournalState:
    """What a journal says. Positions are samples of the recording."""

    header: dict[str, Any] = field(default_factory=dict)
    settled: int = 0  # everything before it is settled, except what the next three hold
    failed: list[Interval] = field(default_factory=list)  # the engine failed on these
    uncertain: dict[int, Intent] = field(default_factory=dict)  # may have been inserted
    undelivered: dict[int, Intent] = field(default_factory=dict)  # were certainly not inserted
    gaps: list[tuple[int, float]] = field(default_factory=list)

    def apply(self, row: Mapping[str, Any]) -> None:
        """Take in one more line."""
        match row:
            case {"gap": at, "seconds": seconds}:
                self.gaps.append((at, seconds))
            case {"quiet": last}:
                self.settled = max(self.settled, last)
            case {"failed": [first, last]}:
                self.failed.append((first, last))
                self.settled = max(self.settled, last)
            case {"heard": [first, last]}:
                self._settle(first, last)
            case {"intent": number, "of": [first, last], "text": _}:
                # The retry and the end of the intent before are one line: if it took two and
                # the process were killed in between, the text would be inserted twice.
                self._drop(row.get("again"))
                self.uncertain[number] = Intent.from_row(row)
                self._settle(first, last)
            case {"done": number}:
                self._drop(number)
            case {"kept": number}:
                if number in self.uncertain:
                    intent = self.uncertain.pop(number)
                    self.undelivered[number] = replace(
                        intent,
                        text=row.get("text", intent.text),
                        lacking=tuple(row.get("lacking", ())),
                    )
            case {"version": _}:
                self.header = dict(row)

    def _drop(self, number: int | None) -> None:
        if number is not None:
            self.uncertain.pop(number, None)
            self.undelivered.pop(number, None)

    def _settle(self, first: int, last: int) -> None:
        self.settled = max(self.settled, last)
        self.failed = [
            piece
            for begin, end in self.failed
            for piece in ((begin, min(end, first)), (max(begin, last), end))
            if piece[0] < piece[1]
        ]

    @property
    def needed_from(self) -> int:
        """The first sample that may still have to be read."""
        return min((self.settled, *(first for first, _ in self.failed)))


class DictationJournal:
    """The open journal of a recording, and its state. For any number of threads."""

    def __init__(self, path: Path) -> None:
        """Read the file, and create it if need be. Raises OSError."""
        self.state = read_journal(path)
        self._file: json_lines.Appender | None = json_lines.Appender(
            path, mode=0o600, readable=True, private=True
        )
        self._lock = Lock()
        self._number = max((0, *self.state.uncertain, *self.state.undelivered))

    def write(self, sync: bool = True, **row: Any) -> None:
        """Append a line, and wait until it is on the disk if `sync`.

        An error is only logged: a full disk must not stop the text from being inserted.
        """
        with self._lock:
            self.state.apply(row)
            if self._file is None:
                return
            try:
                self._file.append(row, sync=sync)
            except OSError as error:
                _log.info("The journal can't be written: %s.", error.strerror)

    def write_intent(
        self,
        first: int,
        last: int,
        text: str,
        to: Sequence[Target] = (),
        *,
        wall: float = 0.0,
        replaced: Sequence[str] = (),
        instead: str = "",
        retry_of: int | None = None,
    ) -> int:
        """Write down a text that is about to be inserted, and return its number.

        `retry_of` is the number it had when it was not delivered.
        """
        self._number += 1
        intent = Intent(self._number, first, last, text, tuple(to), wall, tuple(replaced), instead)
        self.write(sync=False, **intent.row, again=retry_of)
        return self._number

    def close(self) -> None:
        """Close the file; later lines are ignored."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def read_journal(path: Path) -> JournalState:
    """What a journal says; torn lines are skipped.

    Raises OSError, also for a row that no dictation writes and for a journal that another
    user can have written.
    """
    state = JournalState()
    for row in json_lines.read(path, private=True):
        if (wrong := wrong_value(row)) is not None:
            raise OSError(errno.EINVAL, f"A line has no valid {wrong!r}", str(path))
        state.apply(row)
    return state
