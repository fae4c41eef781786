"""Counts how the files of a batch ended, and stores the results that are shown at its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.run.run_folder import EarlierResult
from parakeet_cli.transcript import FileResult, Status

MAX_LISTED = 50  # files: of more, only those that went wrong or are doubtful are listed

_ALWAYS_LISTED = {Status.PARTIAL, Status.FAILED}


@dataclass(slots=True)
class BatchStats:
    """Takes results in any order; of a long batch it stores only those that will be listed."""

    total: int
    began: float = field(default_factory=time.monotonic)
    counts: Counter[Status] = field(default_factory=Counter)
    earlier: int = 0  # files that an earlier session did
    audio_seconds: float = 0.0  # that this session decoded
    _listed: dict[int, FileResult] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[FileResult]) -> BatchStats:
        results = list(results)
        stats = cls(len(results))
        for number, result in enumerate(results):
            stats.add(number, result)
        return stats

    def add(self, number: int, result: FileResult) -> None:
        """Count the result of input `number`."""
        self.counts[result.status] += 1
        transcript = result.transcript
        if transcript is not None:
            self.audio_seconds += transcript.accounting.decoded_seconds
        if self._is_listed(result.status) or result.notes or (transcript and transcript.doubts):
            bare = replace(transcript, segments=()) if transcript else None
            self._listed[number] = replace(result, transcript=bare)

    def add_earlier(self, earlier: EarlierResult) -> None:
        """Count an input that an earlier session did."""
        self.counts[earlier.status] += 1
        self.earlier += 1
        if self._is_listed(earlier.status):
            self._listed[earlier.item.number] = earlier.result

    def _is_listed(self, status: Status) -> bool:
        return self.total <= MAX_LISTED or status in _ALWAYS_LISTED

    @property
    def listed(self) -> list[FileResult]:
        """The stored results in the order of the inputs, without their segments."""
        return [self._listed[number] for number in sorted(self._listed)]

    @property
    def done(self) -> int:
        return sum(self.counts[status] for status in (Status.OK, Status.PARTIAL, Status.SKIPPED))

    def summary(self) -> list[str]:
        """Lines for people: how many files ended how, how much audio that was, and how fast."""
        ended = [f"{self.counts[status]} {status}" for status in Status if self.counts[status]]
        before = f" ({self.earlier} of them before)" if self.earlier else ""
        lines = [f"{self.total} files: {', '.join(ended)}{before}."]
        elapsed = time.monotonic() - self.began
        if self.audio_seconds and elapsed > 0:
            lines.append(
                f"{console.clock(self.audio_seconds)} of audio in {console.clock(elapsed)}: "
                f"RTFx {self.audio_seconds / elapsed:.1f}."
            )
        return lines

    def exit_code(self, *, allow_partial: bool) -> ExitCode:
        bad = self.counts[Status.FAILED] + (0 if allow_partial else self.counts[Status.PARTIAL])
        return ExitCode.FAILED if bad else ExitCode.OK
