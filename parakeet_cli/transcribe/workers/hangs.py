"""Says how long a worker may be silent with the files that it has, before it is taken to hang.

A worker is heard of each time that a chunk or a file is done. Until then it may have to fetch a
file, to decode a long silence, and to transcribe as many chunks as it takes at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parakeet_cli.engines.silence import FLOOR_SECONDS, LOADING_SECONDS, SLACK, ProgressClock
from parakeet_cli.transcribe.inputs.storage import state_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcript import FileResult

_CHUNK_SECONDS = 40.0  # of the longest chunks
_SLOWEST = 0.2  # × real time, of engines in use: taken until something is measured
_DECODING = 50.0  # × real time, with a slow disk: commonly 500
_FETCHING = 1e6  # bytes a second from a storage
_GIVING_UP = 120.0  # seconds that a storage's client takes to report one that stalls
_BYTES_A_SECOND = 4000  # of a recording whose length isn't known


@dataclass(slots=True)
class Silence:
    """How long one worker has been silent, in seconds of the watch; and whether it was ended."""

    since: float = 0.0
    loaded: bool = False
    hung: float | None = None  # seconds without progress, for which it was ended


@dataclass(slots=True)
class Watch(ProgressClock):
    """Measures how fast the workers are, and which of them are silent for too long."""

    reports_progress: bool = True  # else a worker is heard of only at the end of each file

    def heard_of(self, silence: Silence, *, busy: bool) -> None:
        """End a worker's silence, which counts as work if it was busy with a loaded model."""
        if busy and silence.loaded:
            self.add_busy(self.now - silence.since)
        silence.since = self.now

    def add(self, result: FileResult) -> None:
        """Count the audio of a file that has ended."""
        if result.transcript is not None:
            self.add_audio(result.transcript.accounting.decoded_seconds)

    def hangs(self, silence: Silence, items: Iterable[PlannedFile]) -> float | None:
        """For how many seconds a worker has been silent, if that is too long; else None.

        None, too, for one that was ended for it already.
        """
        silent = self.now - silence.since
        if silence.hung is not None or silent <= min(FLOOR_SECONDS, LOADING_SECONDS):
            return None
        return silent if silent > self.allowed(silence, items) else None

    def allowed(self, silence: Silence, items: Iterable[PlannedFile]) -> float:
        """For how many seconds a worker with these files may be silent."""
        if not silence.loaded:
            return LOADING_SECONDS
        lengths, size, waiting = [0.0], 0, 0.0
        for item in items:
            seconds, remote = _length(item)
            lengths.append(seconds)
            size += remote
            if not isinstance(item.job.path, str) or any(
                not isinstance(path, str) for _, path in item.paths
            ):
                waiting = _GIVING_UP
        chunk = _CHUNK_SECONDS if self.reports_progress else max(lengths)
        transcribing = sum(min(one, chunk) for one in lengths) / self.speed(_SLOWEST)
        expected = transcribing + max(lengths) / _DECODING + size / _FETCHING
        return FLOOR_SECONDS + waiting + SLACK * expected


def _length(item: PlannedFile) -> tuple[float, int]:
    """A file's seconds, guessed by its size if need be; and the bytes that must be fetched."""
    where = item.job.path
    remote = not isinstance(where, str)
    if item.seconds is not None and not remote:
        return item.seconds, 0
    state = None if item.job.is_stdin else state_of(where)
    size = state[0] if state else 0
    seconds = size / _BYTES_A_SECOND if item.seconds is None else item.seconds
    return seconds, size if remote else 0
