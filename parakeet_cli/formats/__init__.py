"""Transcript to text: one file a format, one table.

Each format is a `Format`: a suffix, a line of help and a function from a
`Transcript` and a `Shape` to text. Adding one is a file here and a row in FORMATS.
"""

from __future__ import annotations

from collections.abc import Iterable

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import to_html, to_json, to_srt, to_tsv, to_txt, to_vtt
from parakeet_cli.formats.base import Format, Shape, encode
from parakeet_cli.formats.sound import Envelope, Sound, sound_of

__all__ = [
    "ALL",
    "FORMATS",
    "Envelope",
    "Format",
    "Shape",
    "Sound",
    "encode",
    "expand_formats",
    "sound_of",
]

ALL = "all"

FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("txt", ".txt", "plain text, one line a segment", to_txt.pieces, needs_words=False),
        Format("srt", ".srt", "SubRip subtitles", to_srt.pieces),
        Format("vtt", ".vtt", "WebVTT subtitles, for browsers", to_vtt.pieces),
        Format("tsv", ".tsv", "start, end (milliseconds) and text", to_tsv.pieces, False),
        Format("json", ".json", "everything: words, times, confidence, losses", to_json.pieces),
        Format(
            "html", ".html", "one page to read, hear and search", to_html.pieces, needs_sound=True
        ),
    )
}


def expand_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """The named formats in the order first asked for, each once; `all` is every one.

    A name may hold several, separated by commas. Raises UsageError for an unknown one.
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
