"""Writes WebVTT subtitles, as browsers read them."""

from __future__ import annotations

from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.subtitles.cues import cues
from parakeet_cli.formats.subtitles.highlight import plain, word_by_word
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.formats.timestamps import timestamp
from parakeet_cli.transcript import Transcript

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """The header, then one cue a piece, in the voice of its speaker.

    `&`, `<` and `>` are escaped, so `-->` is too.
    """
    yield "WEBVTT\n\n"
    show = word_by_word if options.highlight_words else plain
    for start, end, text in show(cues(transcript, options), _escape, _voice):
        yield f"{timestamp(start, '.')} --> {timestamp(end, '.')}\n{text}\n\n"


def _voice(speaker: str | None) -> str:
    """The voice tag, which has no end if it is for the whole cue."""
    return "" if speaker is None else f"<v {_escape(clean(speaker))}>"


def _escape(text: str) -> str:
    return text.translate(ESCAPES)
