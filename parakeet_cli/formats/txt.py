"""Writes plain text, a line for each segment, as the Whisper family does."""

from __future__ import annotations

from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Transcript


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """One line a piece; a segment without text is left out."""
    for segment in in_order(transcript.segments):
        if line := clean(segment.text):
            yield f"{line}\n"
