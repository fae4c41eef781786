"""Writes a transcript as text, in the formats of one table.

Each row of FORMATS names the module here whose `pieces(transcript, options)` writes the
format. It is imported when the format is first written. A new format is a module and a row.
"""

from __future__ import annotations

from collections.abc import Iterable

from parakeet_cli.errors import UsageError
from parakeet_cli.formats.base import Collector, Format, FormatOptions, encode

__all__ = [
    "ALL",
    "FORMATS",
    "Collector",
    "Format",
    "FormatOptions",
    "encode",
    "expand_formats",
]

ALL = "all"

FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("txt", ".txt", "plain text, one line a segment", "txt"),
        Format("srt", ".srt", "SubRip subtitles", "subtitles.srt"),
        Format("vtt", ".vtt", "WebVTT subtitles, for browsers", "subtitles.vtt"),
        Format("tsv", ".tsv", "start, end (milliseconds) and text", "tsv"),
        Format("lrc", ".lrc", "lyrics, for music players", "subtitles.lrc"),
        Format("ass", ".ass", "styled subtitles, karaoke", "subtitles.ass"),
        Format("csv", ".csv", "tsv for spreadsheets", "csv"),
        Format("json", ".json", "words, times, confidence, losses", "json"),
        Format(
            "html", ".html", "a page to read, play and search", "html.page", collects_audio=True
        ),
    )
}


def expand_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """The named formats, each once, in the order of their first mention; `all` is every format.

    A name can be a list, separated by commas. Raises UsageError for an unknown format.
    """
    chosen: dict[str, Format] = {}
    for name in (
        part.strip().lower().removeprefix(".") for each in names for part in each.split(",")
    ):
        if name == ALL:
            chosen |= {key: row for key, row in FORMATS.items() if key not in chosen}
        elif name in FORMATS:
            chosen.setdefault(name, FORMATS[name])
        else:
            raise UsageError(
                f"There is no format {name!r}.",
                hint=f"The formats are {', '.join(FORMATS)} and {ALL}.",
            )
    return tuple(chosen.values())
