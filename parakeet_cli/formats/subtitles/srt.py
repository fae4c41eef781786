"""Writes SubRip subtitles: numbered cues, with a comma before the milliseconds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.speakers import TurnNames
from parakeet_cli.formats.subtitles.cues import cues
from parakeet_cli.formats.subtitles.highlight import plain, word_by_word
from parakeet_cli.formats.timestamps import timestamp
from parakeet_cli.transcript import Transcript

_TAG = re.compile(r"<(?=[A-Za-z/!?]|\Z)(?:([^<>]*)>)?")
_BRACE = re.compile(r"\{(?=\\|[A-Za-z]:|\Z)")


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    r"""One cue a piece. A dash and a name open each turn of a named speaker.

    SubRip has no escapes, so an arrow in the text is shortened, and what players would take for
    markup (`<i>`, `{\an8}`, `{y:i}`) gets other brackets.
    """
    show = word_by_word if options.highlight_words else plain
    names = TurnNames("- ")
    shown = show(cues(transcript, options), _escape, lambda one: _escape(names.at(one)))
    for number, (start, end, text) in enumerate(shown, 1):
        yield f"{number}\n{timestamp(start, ',')} --> {timestamp(end, ',')}\n{text}\n\n"


def _escape(text: str) -> str:
    while "-->" in text:
        text = text.replace("-->", "->")
    # At its end, too: the next word may go on with the name of a tag.
    return _BRACE.sub("(", _TAG.sub(_in_other_brackets, text))


def _in_other_brackets(tag: re.Match[str]) -> str:
    return "‹" if tag[1] is None else f"‹{tag[1]}›"
