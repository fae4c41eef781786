"""How a batch ended: counts, seconds, and the results that are worth a line of their own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.run.run_folder import EarlierResult
from parakeet_cli.transcript import FileResult, Status

TABLE_AT_MOST = 50  # rows: beyond, only the counts are read

_TOLD = {Status.PARTIAL, Status.FAILED}


@dataclass(slots=True)
class BatchStats:
    """Takes results in any order; of thousands it keeps only what will be shown."""

    total: int
    began: float = field(default_factory=time.monotonic)
    counts: Counter[Status] = field(default_factory=Counter)
    earlier: int = 0  # done by an earlier run
    heard: float = 0.0  # seconds of sound, by this run
    _kept: dict[int, FileResult] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[FileResult]) -> BatchStats:
        listed = list(results)
        tally = cls(len(listed))
        for number, result in enumerate(listed):
            tally.add(number, result)
        return tally

    def add(self, number: int, result: FileResult) -> None:
        """Input `number` ended so."""
        self.counts[result.status] += 1
        transcript = result.transcript
        if transcript is not None:
            self.heard += transcript.accounting.decoded_seconds
        if self._is_shown(result.status):
            bare = replace(transcript, segments=()) if transcript else None
            self._kept[number] = replace(result, transcript=bare)

    def add_earlier(self, one: EarlierResult) -> None:
        """Another session had heard it."""
        self.counts[one.status] += 1
        self.earlier += 1
        if self._is_shown(one.status):
            self._kept[one.item.number] = one.result

    def _is_shown(self, status: Status) -> bool:
        return self.total <= TABLE_AT_MOST or status in _TOLD

    @property
    def results(self) -> list[FileResult]:
        """Those that are kept, in the order of the inputs."""
        return [self._kept[number] for number in sorted(self._kept)]

    @property
    def done(self) -> int:
        return sum(self.counts[status] for status in (Status.OK, Status.PARTIAL, Status.SKIPPED))

    def said(self) -> list[str]:
        """How many files ended how; how much was heard, and how fast."""
        ended = [f"{self.counts[status]} {status}" for status in Status if self.counts[status]]
        before = f" ({self.earlier} of them before)" if self.earlier else ""
        lines = [f"{self.total} files: {', '.join(ended)}{before}."]
        elapsed = time.monotonic() - self.began
        if self.heard and elapsed > 0:
            lines.append(
                f"{console.clock(self.heard)} of audio in {console.clock(elapsed)}: "
                f"RTFx {self.heard / elapsed:.1f}."
            )
        return lines

    def exit_code(self, *, allow_partial: bool) -> ExitCode:
        bad = self.counts[Status.FAILED] + (0 if allow_partial else self.counts[Status.PARTIAL])
        return ExitCode.FAILED if bad else ExitCode.OK
