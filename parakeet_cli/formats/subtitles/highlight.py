"""Underlines the spoken word in each cue, as openai-whisper does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from parakeet_cli.formats.subtitles.cues import Cue
from parakeet_cli.formats.subtitles.tokens import SubtitleToken

Escape = Callable[[str], str]
Name = Callable[[str | None], str]  # of a speaker
_SHORTEST_PAUSE = 300  # milliseconds; during a shorter pause the word before it stays underlined


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a cue, its tokens joined; times in milliseconds.

    `spaced`: a space comes before it. `opens_line`: it begins a line below the first.
    """

    number: int
    start: int
    end: int
    text: str
    spaced: bool
    opens_line: bool


Shown = tuple[int, int, str]  # from, to (milliseconds), text


def nobody(speaker: str | None) -> str:
    """What is written before the words of a speaker, where it is nothing."""
    return ""


def plain(cues: Iterable[Cue], escape: Escape, name: Name = nobody) -> Iterator[Shown]:
    """Each cue once, without highlighting, after what `name` gives for its speaker."""
    for cue in cues:
        yield cue.start, cue.end, name(cue.speaker) + _marked(cue, None, escape)


def word_by_word(cues: Iterable[Cue], escape: Escape, name: Name = nobody) -> Iterator[Shown]:
    """Each cue once for every word, with that word underlined; plain during pauses."""
    for cue in cues:
        label = name(cue.speaker)
        spoken = spoken_words(cue)
        edges = [word.start for word in spoken[1:]] + [cue.end]
        clock = cue.start
        for each, following in zip(spoken, edges, strict=True):
            word, end = each.number, each.end
            # Until the next word, unless there is a pause: short plain moments would flicker.
            until = min(following if following - end < _SHORTEST_PAUSE else end, cue.end)
            if until > clock:
                yield clock, until, label + _marked(cue, word, escape)
                clock = until
            if min(following, cue.end) > clock:
                yield clock, min(following, cue.end), label + _marked(cue, None, escape)
                clock = min(following, cue.end)


def spoken_words(cue: Cue) -> list[SpokenWord]:
    """The words of a cue in order, each with all of its tokens."""
    spoken: list[SpokenWord] = []
    for number, line in enumerate(cue.lines):
        for index, token in enumerate(line):
            start, end = round(1000 * token.start), round(1000 * token.end)
            if spoken and spoken[-1].number == token.word:
                space = " " if token.spaced else ""
                spoken[-1] = replace(spoken[-1], end=end, text=spoken[-1].text + space + token.text)
            else:
                opens = number > 0 and index == 0
                spoken.append(SpokenWord(token.word, start, end, token.text, token.spaced, opens))
    return spoken


def _marked(cue: Cue, word: int | None, escape: Escape) -> str:
    return "\n".join(_line(line, word, escape) for line in cue.lines)


def _line(line: tuple[SubtitleToken, ...], word: int | None, escape: Escape) -> str:
    # Escaped together: two words may look like markup where neither of them does.
    before, spoken, after = "", "", ""
    for index, token in enumerate(line):
        space = " " if index and token.spaced else ""
        if token.word == word:
            if spoken:
                spoken += space
            else:
                before += space
            spoken += token.text
        elif spoken:
            after += space + token.text
        else:
            before += space + token.text
    if not spoken:
        return escape(before + after)
    return f"{escape(before)}<u>{escape(spoken)}</u>{escape(after)}"
