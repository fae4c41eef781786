"""Writes tab-separated segments with times in whole milliseconds, as openai-whisper does."""

from __future__ import annotations

from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.formulas import harmless_in_tsv
from parakeet_cli.formats.speakers import has_speakers
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Transcript


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """The header, then one segment a piece; named speakers have a column at the end."""
    named = has_speakers(transcript.segments)
    yield "start\tend\ttext\tspeaker\n" if named else "start\tend\ttext\n"
    for segment in in_order(transcript.segments):
        if line := clean(segment.text):
            cells = [line, clean(segment.speaker or "")] if named else [line]
            times = (str(round(1000 * time)) for time in (segment.start, segment.end))
            yield "\t".join((*times, *map(harmless_in_tsv, cells))) + "\n"
