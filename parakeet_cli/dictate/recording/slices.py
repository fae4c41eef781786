"""Stretches of a recording as engines take them."""

from __future__ import annotations

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.dictate.recording.clock import Clock
from parakeet_cli.dictate.recording.recording import Recording

LONGEST = 30.0  # seconds an utterance; the text of a longer one would come too late


def make_chunk(
    recording: Recording, clock: Clock, source: str, first: int, last: int, speech_end: int | None
) -> Chunk:
    """A stretch of a recording as engines take it, on the stream's clock."""
    samples = recording.read(first, last)
    end = None if speech_end is None else (speech_end - first) / SAMPLE_RATE
    return Chunk(samples, (Piece(0.0, clock.seconds(first)),), source, last=True, speech_end=end)
