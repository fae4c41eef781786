"""The progress of a run, read from its journal at any time, also while it is running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.run.journal import JOURNAL, JournalContent, read_journal
from parakeet_cli.transcribe.run.run_folder import is_running
from parakeet_cli.transcript import Status


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The progress of a run, or of all shards of one. All seconds but `elapsed` are of audio."""

    folder: str
    running: bool
    inputs: int
    counts: dict[Status, int]
    in_work: tuple[str, ...]  # inputs that have begun and not ended
    seconds: float  # done in all
    session_seconds: float  # done since the latest session began
    session_planned: float  # that it had to do
    elapsed: float  # that it has taken so far
    failures: tuple[tuple[str, str, str], ...]  # input, status, reason

    @property
    def left(self) -> int:
        return max(0, self.inputs - sum(self.counts.values()))

    @property
    def speed(self) -> float | None:
        """RTFx of the latest session."""
        return self.session_seconds / self.elapsed if self.elapsed > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until the end at the speed so far; None if that isn't known."""
        ahead = self.session_planned - self.session_seconds
        return ahead / self.speed if self.running and self.speed and ahead > 0 else None

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": "parakeet.run/1",
            "folder": self.folder,
            "running": self.running,
            "inputs": self.inputs,
            "done": self.counts[Status.OK],
            "partial": self.counts[Status.PARTIAL],
            "failed": self.counts[Status.FAILED],
            "skipped": self.counts[Status.SKIPPED],
            "left": self.left,
            "in_hand": list(self.in_work),
            "audio_seconds": round(self.seconds, 3),
            "rtfx": None if self.speed is None else round(self.speed, 2),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "failures": [
                {"input": name, "status": status, "reason": reason}
                for name, status, reason in self.failures
            ],
        }


def read_status(folder: Path) -> RunStatus:
    """The status of the run in a folder. Raises UsageError if there is none."""
    folders = [one for one in (folder, *sorted(folder.glob("shard-*"))) if (one / JOURNAL).exists()]
    if not folders:
        raise UsageError(
            f"There is no run in {folder}.",
            hint="`parakeet transcribe ... --run DIR` starts one.",
        )
    return _status(folder, folders, [read_journal(one / JOURNAL) for one in folders])


def _status(folder: Path, folders: Iterable[Path], journals: list[JournalContent]) -> RunStatus:
    entries = [pair for journal in journals for pair in journal.entries.items()]
    counts = Counter(entry.status for _, entry in entries)
    latest = [
        (journal, [entry for entry in journal.entries.values() if entry.at >= journal.since])
        for journal in journals
    ]
    return RunStatus(
        folder=str(folder),
        running=any(map(is_running, folders)),
        inputs=sum(journal.planned for journal in journals),
        counts={status: counts[status] for status in Status},
        in_work=tuple(sorted(key for journal in journals for key in journal.begun)),
        seconds=sum(entry.seconds for _, entry in entries),
        session_seconds=sum(entry.seconds for _, ended in latest for entry in ended),
        session_planned=sum(journal.seconds for journal in journals),
        elapsed=max(
            (
                max(entry.at for entry in ended) - journal.since
                for journal, ended in latest
                if ended
            ),
            default=0.0,
        ),
        failures=tuple(
            (key, str(entry.status), entry.reason or "")
            for key, entry in entries
            if entry.status in (Status.FAILED, Status.PARTIAL)
        ),
    )
