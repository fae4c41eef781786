"""Records which transcripts a command is due for, and how it ended: then.jsonl in a run's folder.

A line comes before a transcript is recorded as done, and one when its command has ended. A command
that was due when the process was killed, or that was being run, runs at the next start: it runs at
least once for each transcript, and a second time only after a kill.

    {"due": KEY, "id": [...], "options": "...", "source": PATH, "outputs": [PATH, ...],
     "status": "ok"}
    {"ran": KEY, "id": [...], "options": "...", "status": "ok", "reason": null, "at": ...}
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parakeet_cli.errors import OutputError, system_hint
from parakeet_cli.formats.row_values import (
    Check,
    are_texts,
    is_count,
    is_number,
    is_text,
    optional,
    wrong_value,
)
from parakeet_cli.system import json_lines
from parakeet_cli.transcribe.inputs.storage import FileState
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of

THEN = "then.jsonl"
OK, FAILED = "ok", "failed"


@dataclass(frozen=True, slots=True)
class Due:
    """A transcript whose command is to run. `outputs` are absolute paths, or URLs."""

    key: str  # of the input, as the journal has it
    state: FileState | None  # of the recording
    options: str  # their fingerprint
    source: str  # the recording's absolute path
    outputs: tuple[str, ...]
    status: str = OK  # of the transcript

    @property
    def version(self) -> tuple[FileState | None, str]:
        """What the transcript was made of."""
        return self.state, self.options


@dataclass(slots=True)
class ThenContent:
    """What then.jsonl says, by the inputs' keys; the newest line counts."""

    due: dict[str, Due] = field(default_factory=dict)  # and not run since
    done: dict[str, tuple[FileState | None, str]] = field(default_factory=dict)  # their versions
    failed: dict[str, tuple[Due, str]] = field(default_factory=dict)  # with the reason

    def has_had(self, key: str, state: FileState | None, options: str) -> bool:
        """Whether a command has run well for this version of an input's transcript."""
        return self.done.get(key) == (state, options)

    def add(self, row: json_lines.Row) -> None:
        state = (row["id"][0], row["id"][1]) if row.get("id") else None
        if "due" in row:
            due = Due(
                row["due"],
                state,
                row["options"],
                row["source"],
                tuple(row["outputs"]),
                row["status"],
            )
            self.due[due.key] = due
            self.failed.pop(due.key, None)
        elif "ran" in row:
            self._add_end(row["ran"], row)

    def _add_end(self, key: str, row: json_lines.Row) -> None:
        known = self.due.pop(key, None) or (self.failed.pop(key)[0] if key in self.failed else None)
        if known is None:
            return
        if row["status"] == OK:
            self.done[key] = known.version
        else:
            self.failed[key] = (known, row.get("reason") or "")


def read_then(path: Path) -> ThenContent:
    """What the file says; nothing if there is none. Raises OutputError.

    A file that another user can have written is refused: what it names is given to a command.
    """
    content = ThenContent()
    try:
        for row in json_lines.read(path, private=True):
            if wrong_value(row, _CHECKS, _REQUIRED) is None:
                content.add(row)
    except OSError as error:
        raise OutputError(f"{path} can't be read: {error.strerror}.") from error
    return content


class ThenJournal:
    """The file, while it is being written. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Create the file if need be. Raises OutputError."""
        self._path = path
        try:
            self._rows = json_lines.Appender(path, mode=0o600, private=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def record_due(self, due: Due) -> None:
        """Record that a command is to run. Raises OutputError."""
        row = {"due": due.key, "id": due.state, "options": due.options}
        self._append(row | {"source": due.source, "outputs": due.outputs, "status": due.status})

    def record_end(self, due: Due, reason: str | None) -> None:
        """Record that a command has run, and the reason if it failed. Raises OutputError."""
        row = {"ran": due.key, "id": due.state, "options": due.options}
        status = OK if reason is None else FAILED
        self._append(row | {"status": status, "reason": reason, "at": round(time.time(), 3)})

    def _append(self, row: json_lines.Row) -> None:
        try:
            self._rows.append(row, sync=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        self._rows.close()

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} can't be written: {error.strerror}.",
            hint=system_hint(error),
            obstacle=obstacle_of(error, str(self._path.parent)),
        )


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and is_count(value[0])
        and (type(value[1]) is int or is_text(value[1]))
    )


_CHECKS: dict[str, Check] = {
    "due": is_text,
    "ran": is_text,
    "id": optional(_is_state),
    "options": is_text,
    "source": is_text,
    "outputs": are_texts,
    "status": is_text,
    "reason": optional(is_text),
    "at": is_number,
}
_REQUIRED = {
    "due": ("id", "options", "source", "outputs", "status"),
    "ran": ("id", "options", "status"),
}
