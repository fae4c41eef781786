"""Writes Advanced SubStation Alpha (ASS) subtitles, with the words' times for karaoke if asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from parakeet_cli.formats.base import FormatOptions
from parakeet_cli.formats.speakers import TurnNames
from parakeet_cli.formats.subtitles.cues import Cue, cues
from parakeet_cli.formats.subtitles.highlight import spoken_words
from parakeet_cli.formats.subtitles.text_width import clean
from parakeet_cli.transcript import Transcript

# White on a black edge, centred at the bottom; with karaoke, a word turns from yellow to white.
_HEADER = """\
[Script Info]
ScriptType: v4.00+
WrapStyle: 2
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,64,&H00FFFFFF,&H0000FFFF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,\
60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_SPECIAL = re.compile(r"[{}]|\\(?=[Nnh{}]|\Z)")
_WRITTEN = {"{": "(", "}": ")", "\\": "\\\u2060"}  # a word joiner, as FFmpeg writes it


def pieces(transcript: Transcript, options: FormatOptions) -> Iterator[str]:
    r"""The header, then one cue a piece.

    With `highlight_words` each word has the time that karaoke gives it (`{\k}`, hundredths of a
    second). Braces, which would begin a command, become round brackets.
    """
    yield _HEADER
    clocks: dict[str | None, int] = {}  # hundredths: where the next cue of a speaker may begin
    names = TurnNames()
    for cue in cues(transcript, options):
        start = max(clocks.get(cue.speaker, 0), cue.start // 10)
        end = max(start + 1, cue.end // 10)
        text = _karaoke(cue, start, end) if options.highlight_words else _plain(cue)
        actor = clean(cue.speaker or "").replace(",", " ")
        text = _escape(names.at(cue.speaker)) + text
        yield f"Dialogue: 0,{_time(start)},{_time(end)},Default,{actor},0,0,0,,{text}\n"
        clocks[cue.speaker] = end


def _plain(cue: Cue) -> str:
    return r"\N".join(_escape(line) for line in cue.text.split("\n"))


def _karaoke(cue: Cue, start: int, end: int) -> str:
    r"""`{\k35}Good{\k5} {\k40}morning.`: how long each word, and each gap before one, takes."""
    parts = []
    clock = start
    for number, word in enumerate(spoken_words(cue)):
        between = "" if number == 0 else r"\N" if word.opens_line else " " * word.spaced
        first = min(max(clock, word.start // 10), end)
        last = min(max(first, word.end // 10), end)
        if first > clock:
            parts.append(rf"{{\k{first - clock}}}{between}")
            between = ""
        parts.append(rf"{between}{{\k{last - first}}}{_escape(word.text)}")
        clock = last
    return "".join(parts)


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: _WRITTEN[match[0]], text)


def _time(hundredths: int) -> str:
    """`H:MM:SS.cc`."""
    seconds, hundredths = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{hundredths:02d}"
