"""Writes LRC, the lyrics that music players show: a time tag before each line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.speakers import TurnNames
from parakeet_cli.formats.subtitles.cues import Cue, cues, joined
from parakeet_cli.formats.subtitles.highlight import spoken_words
from parakeet_cli.transcript import Transcript

# Players take "[key:value]" for a tag, and in the enhanced form "<01:02.03>", too.
_TAG = re.compile(r"\[(?=[^\[\]]*:)|<(?=\s*\d+:)")
_BRACKETS = {"[": "(", "<": "("}
_CLEAR = 3000  # milliseconds of silence after which an empty line takes the last one away


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    """A line of lyrics a piece. With `highlight_words` each word has a time, as A2 players read it.

    What players would take for a tag gets another bracket.
    """
    if transcript.source.duration:
        yield f"[length:{_time(round(1000 * transcript.source.duration))}]\n"
    held: Cue | None = None
    names = TurnNames()
    for cue in cues(transcript, replace(options, max_line_count=1)):
        if held is not None and cue.start - held.end >= _CLEAR:
            yield f"[{_time(held.end)}]\n"
        text = _timed_words(cue) if options.highlight_words else _escape(joined(cue.tokens))
        yield f"[{_time(cue.start)}]{_escape(names.at(cue.speaker))}{text}\n"
        held = cue


def _timed_words(cue: Cue) -> str:
    """`<00:01.20>Good <00:01.55>morning.<00:02.10>`: before each word its start, then the end."""
    words = spoken_words(cue)
    text = "".join(
        f"{' ' * (word.spaced and number > 0)}<{_time(word.start)}>{_escape(word.text)}"
        for number, word in enumerate(words)
    )
    return f"{text}<{_time(words[-1].end)}>"


def _escape(text: str) -> str:
    return _TAG.sub(lambda match: _BRACKETS[match[0]], text)


def _time(milliseconds: int) -> str:
    """`MM:SS.cc`; an hour is 60 minutes."""
    minutes, rest = divmod(milliseconds // 10, 6000)
    seconds, hundredths = divmod(rest, 100)
    return f"{minutes:02d}:{seconds:02d}.{hundredths:02d}"
