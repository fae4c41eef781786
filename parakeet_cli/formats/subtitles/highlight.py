"""Cues in which the word being spoken is underlined, as openai-whisper writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from parakeet_cli.formats.subtitles.cues import Cue
from parakeet_cli.formats.subtitles.tokens import Atom

Escape = Callable[[str], str]
FLICKER = 300  # milliseconds; a shorter pause between words belongs to the first of them

Shown = tuple[int, int, str]  # from, to (milliseconds), text


def plain(cues: Iterable[Cue], escape: Escape) -> Iterator[Shown]:
    """Each cue as it is."""
    for cue in cues:
        yield cue.start, cue.end, _marked(cue, None, escape)


def word_by_word(cues: Iterable[Cue], escape: Escape) -> Iterator[Shown]:
    """Each cue once for every word in it, that word underlined; plain in its pauses."""
    for cue in cues:
        spoken = _spoken(cue)
        edges = [start for _, start, _ in spoken[1:]] + [cue.end]
        clock = cue.start
        for (word, _, end), following in zip(spoken, edges, strict=True):
            # Up to the next word, unless there is a pause: a plain blink would only flicker.
            until = min(following if following - end < FLICKER else end, cue.end)
            if until > clock:
                yield clock, until, _marked(cue, word, escape)
                clock = until
            if min(following, cue.end) > clock:
                yield clock, min(following, cue.end), _marked(cue, None, escape)
                clock = min(following, cue.end)


def _spoken(cue: Cue) -> list[tuple[int, int, int]]:
    """(word, from, to) in milliseconds, the atoms of one word taken together."""
    spoken: list[tuple[int, int, int]] = []
    for atom in cue.atoms:
        start, end = round(1000 * atom.start), round(1000 * atom.end)
        if spoken and spoken[-1][0] == atom.word:
            spoken[-1] = (atom.word, spoken[-1][1], end)
        else:
            spoken.append((atom.word, start, end))
    return spoken


def _marked(cue: Cue, word: int | None, escape: Escape) -> str:
    return "\n".join(_line(line, word, escape) for line in cue.lines)


def _line(line: tuple[Atom, ...], word: int | None, escape: Escape) -> str:
    text = ""
    open_ = False
    for index, atom in enumerate(line):
        marked = atom.word == word
        if open_ and not marked:
            text += "</u>"
        if index and atom.spaced:
            text += " "
        if marked and not open_:
            text += "<u>"
        text += escape(atom.text)
        open_ = marked
    return f"{text}</u>" if open_ else text
