"""Gives each word of a transcript its speaker, and divides segments where another one speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from parakeet_cli.transcript import Segment, Word, words_of

Namer = Callable[[Sequence[Word]], Sequence[str]]  # a name for each word


def with_speakers(segments: Sequence[Segment], names_of: Namer) -> tuple[Segment, ...]:
    """The segments with speakers on them and their words; the text as a whole stays the same.

    A segment is divided where the speaker changes, unless no space, or more than one, is there:
    then what follows has the mark `joined`, or stays in its segment.
    """
    words = [word for segment in segments for word in words_of(segment)]
    names = iter(names_of(words))
    made: list[Segment] = []
    for segment in segments:
        found = [next(names) for _ in words_of(segment)]
        made += _divided(segment, found)
    return tuple(made)


def _divided(segment: Segment, names: Sequence[str]) -> list[Segment]:
    if not segment.words:
        return [replace(segment, speaker=names[0])]
    words = [replace(word, speaker=name) for word, name in zip(segment.words, names, strict=True)]
    parts: list[Segment] = []
    first, begin, joined = 0, 0, segment.joined
    starts = _starts(segment)
    for number in range(1, len(words) + 1):
        if number < len(words):
            start = starts[number]
            if words[number].speaker == words[first].speaker or start is None:
                continue
            space = segment.text[begin:start][len(segment.text[begin:start].rstrip()) :]
            if space not in ("", " ") or not segment.text[begin:start].strip():
                continue
        else:
            start, space = len(segment.text), ""
        said = words[first:number]
        text = segment.text[begin:start].rstrip() if number < len(words) else segment.text[begin:]
        parts.append(
            replace(
                segment,
                start=said[0].start if first else segment.start,
                end=max(word.end for word in said) if number < len(words) else segment.end,
                text=text,
                words=tuple(said),
                speaker=_most(said),
                joined=joined,
            )
        )
        first, begin, joined = number, start or 0, not space
    return parts


def _starts(segment: Segment) -> list[int | None]:
    """Where each word begins in the segment's text; None for one that isn't found there."""
    at, found = 0, []
    for word in segment.words:
        text = word.text.strip()
        place = segment.text.find(text, at) if text else -1
        found.append(place if place >= 0 else None)
        at = place + len(text) if place >= 0 else at
    return found


def _most(words: Sequence[Word]) -> str | None:
    """The speaker of most of the words' time; the first one of two that have as much."""
    seconds: dict[str | None, float] = {}
    for word in words:
        seconds[word.speaker] = seconds.get(word.speaker, 0.0) + word.end - word.start
    return max(seconds, key=lambda name: seconds[name])
