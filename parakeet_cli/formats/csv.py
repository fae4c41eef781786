"""Writes comma-separated segments (RFC 4180) with times in whole milliseconds, as whisper.cpp."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.speakers import has_speakers
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Transcript

# A cell that begins so is a formula for a spreadsheet, which may run programs; behind a space it is
# text. Where a comma is the decimal point, spreadsheets take semicolons for the ends of cells.
# "-2+3" is one, too: https://owasp.org/www-community/attacks/CSV_Injection.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[-=@+\uff0b\uff0d\uff1d\uff20])")
_NUMBER = re.compile(r"[+-]\d+([.,]\d+)*")


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """The header, then one segment a piece; named speakers have a column at the end."""
    named = has_speakers(transcript.segments)
    yield _row("start", "end", "text", *(["speaker"] if named else []))
    for segment in in_order(transcript.segments):
        if line := clean(segment.text):
            cells = [line, clean(segment.speaker or "")] if named else [line]
            times = round(1000 * segment.start), round(1000 * segment.end)
            yield _row(*times, *map(_harmless, cells))


def _harmless(cell: str) -> str:
    return cell if _NUMBER.fullmatch(cell) else _FORMULA.sub(" ", cell)


def _row(*cells: object) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
