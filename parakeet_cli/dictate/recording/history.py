"""The history of the last utterances: one JSON object a line, readable by its owner only."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from parakeet_cli.dictate.recording.kept_audio import KeptAudio
from parakeet_cli.errors import OutputError
from parakeet_cli.system import files, json_lines
from parakeet_cli.system.safety.private_folders import private_folder

_log = logging.getLogger(__name__)

_DAY = 86_400.0  # seconds
_MODE = 0o600


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One utterance: when it was spoken (seconds since 1970), and whether it was delivered.

    `delivered` is None for a text that was being inserted when parakeet was killed.
    """

    wall: float
    text: str
    sinks: tuple[str, ...] = ()
    delivered: bool | None = True
    audio: str = ""  # the name of its sound, if that is kept

    @property
    def row(self) -> dict[str, object]:
        """A line of the history; without sound as it was before there was any."""
        row = asdict(self)
        if not self.audio:
            del row["audio"]
        return row


def history_path() -> Path:
    from parakeet_cli.dictate.recording.recording import recordings_folder

    return recordings_folder() / "history.jsonl"


class History:
    """Appends the utterances of a dictation; at its start it drops entries that are too old."""

    def __init__(self, path: Path, days: int, audio: KeptAudio | None = None) -> None:
        self._path = path
        self._days = days
        self.audio = audio  # where the sound of utterances goes, too
        if days and path.exists():
            self._drop_old()

    def add(self, entry: HistoryEntry) -> None:
        """Append an utterance; does nothing where history is kept for 0 days."""
        if not self._days:
            return
        try:
            private_folder(self._path.parent, own=2)
            json_lines.append(self._path, entry.row, mode=_MODE, readable=True)
        except OSError as error:
            _log.info("The history can't be written: %s.", error.strerror)

    def _drop_old(self) -> None:
        oldest = time.time() - self._days * _DAY
        entries = list(read_history(self._path))
        recent = [entry for entry in entries if entry.wall >= oldest]
        if len(recent) == len(entries):
            return
        with files.atomic_writer(self._path, mode=_MODE) as stream:
            stream.writelines(json_lines.encode(entry.row, readable=True) for entry in recent)


def read_history(path: Path) -> Iterator[HistoryEntry]:
    """Every entry, oldest first; other lines are skipped. Raises OutputError."""
    try:
        for row in json_lines.read(path):
            entry = _entry(row)
            if entry is not None:
                yield entry
    except OSError as error:
        raise OutputError(f"The history {path} can't be read: {error.strerror}.") from error


def _entry(row: json_lines.Row) -> HistoryEntry | None:
    delivered = row.get("delivered", True)
    try:
        return HistoryEntry(
            float(row["wall"]),
            str(row["text"]),
            tuple(map(str, row.get("sinks", ()))),
            None if delivered is None else bool(delivered),
            str(row.get("audio", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None
