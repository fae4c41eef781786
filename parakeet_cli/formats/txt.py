"""Writes plain text, a line for each segment, as the Whisper family does."""

from __future__ import annotations

from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.speakers import TurnNames, has_speakers, turns
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Transcript


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """One line a piece; a segment without text is left out. Named speakers have a line a turn."""
    if has_speakers(transcript.segments):
        for speaker, said in turns(in_order(transcript.segments)):
            line = " ".join(text for segment in said if (text := clean(segment.text)))
            yield f"{TurnNames().at(speaker)}{line}\n"
        return
    for segment in in_order(transcript.segments):
        if line := clean(segment.text):
            yield f"{line}\n"
