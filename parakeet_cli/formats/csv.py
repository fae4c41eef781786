"""Writes comma-separated segments (RFC 4180) with times in whole milliseconds, as whisper.cpp."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.formulas import harmless_in_csv
from parakeet_cli.formats.speakers import has_speakers
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Transcript


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """The header, then one segment a piece; named speakers have a column at the end."""
    named = has_speakers(transcript.segments)
    yield _row("start", "end", "text", *(["speaker"] if named else []))
    for segment in in_order(transcript.segments):
        if line := clean(segment.text):
            cells = [line, clean(segment.speaker or "")] if named else [line]
            times = round(1000 * segment.start), round(1000 * segment.end)
            yield _row(*times, *map(harmless_in_csv, cells))


def _row(*cells: object) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
