"""The last utterances, one JSON object a line, for their owner only."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from parakeet_cli.errors import OutputError

_DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One utterance: when it was said (seconds since 1970), and whether it arrived.

    Nobody knows (None) of a text that was on its way when parakeet was killed.
    """

    wall: float
    text: str
    sinks: tuple[str, ...] = ()
    delivered: bool | None = True


def history_path() -> Path:
    from parakeet_cli.dictate.recording.recording import recordings_folder

    return recordings_folder() / "history.jsonl"


class History:
    """Appended to for as long as a dictation runs; what is too old is dropped at its start."""

    def __init__(self, path: Path, days: int) -> None:
        self._path = path
        self._days = days
        self.broken: OSError | None = None  # why it can't be written
        if days and path.exists():
            self._drop_old()

    def add(self, entry: HistoryEntry) -> None:
        """Another utterance; with no days to keep it, nothing."""
        if not self._days:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, _line(entry))
            finally:
                os.close(file)
        except OSError as error:
            self.broken = error

    def _drop_old(self) -> None:
        oldest = time.time() - self._days * _DAY
        entries = list(read_history(self._path))
        kept = [entry for entry in entries if entry.wall >= oldest]
        if len(kept) == len(entries):
            return
        fresh = self._path.with_suffix(f".{os.getpid()}")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.writelines(map(_line, kept))
        fresh.replace(self._path)


def read_history(path: Path) -> Iterator[HistoryEntry]:
    """Every entry, oldest first; lines that are none are left out. Raises OutputError."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"The history {path} can't be read: {error.strerror}.") from error
    for line in lines:
        try:
            content = json.loads(line)
            entry = HistoryEntry(
                float(content["wall"]),
                str(content["text"]),
                tuple(map(str, content.get("sinks", ()))),
                None if (told := content.get("delivered", True)) is None else bool(told),
            )
        except (ValueError, KeyError, TypeError):
            continue
        yield entry


def _line(entry: HistoryEntry) -> bytes:
    return (json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode()
