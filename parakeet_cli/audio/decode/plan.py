"""An open file, what it promises, and the way of decoding that its state calls for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.audio.decode.coverage import DeclaredDuration
from parakeet_cli.audio.decode.duration import declared_duration
from parakeet_cli.audio.decode.open import Opened, open_stream
from parakeet_cli.audio.decode.packets import ByCount, ByTimestamps, Decoding
from parakeet_cli.audio.decode.recover.mpeg_index import survey
from parakeet_cli.transcript import Basis


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that decoding one stream takes."""

    opened: Opened
    channel: int | None
    promise: DeclaredDuration
    decoding: Decoding
    begin: float = 0.0  # where the sound starts on the source's clock, in seconds
    warm_up: float = 0.0  # seconds at the start for which its decoder gives nothing
    limit: float | None = None  # where it ends; what comes out after that is padding


def start_work(path: Path, name: str, audio_stream: int | None, channel: int | None) -> Work:
    """Open a file and look at its state. Raises InputError."""
    opened = open_stream(path, name, audio_stream, channel)
    surveyed = survey(path, opened.container.format.name)
    if surveyed is None:
        promise = declared_duration(path, opened)
        decoding: Decoding = ByTimestamps(opened, path)
        # WMA's decoder gives nothing for its first two packets, which take 92 ms at 44.1 kHz.
        warm_up = 0.25 if opened.container.format.name == "asf" else 0.0
        return Work(opened, channel, promise, decoding, _begin(opened), warm_up)
    basis: Basis = "exact" if surveyed.exact else "estimated"
    # Every frame that is there or isn't was counted, so the end is known either way.
    promise = DeclaredDuration(surveyed.seconds, basis, until=surveyed.seconds)
    if surveyed.whole:
        return Work(opened, channel, promise, ByTimestamps(opened, path))
    decoding = ByCount(opened, path, surveyed)
    return Work(opened, channel, promise, decoding, limit=surveyed.seconds)


def _begin(opened: Opened) -> float:
    """A video's sound may start later than its picture: nothing is missing there."""
    stream = opened.stream
    if opened.torn:
        return 0.0
    if len(opened.container.streams) == 1 or stream.start_time is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - opened.origin)
