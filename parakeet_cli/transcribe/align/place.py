"""Gives the words of a text the times of those that were recognised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from parakeet_cli.errors import InputError
from parakeet_cli.transcribe.align.match import Match, likeness, match_words
from parakeet_cli.transcribe.align.words import (
    GivenText,
    GivenWord,
    given_words,
    recognised_words,
)
from parakeet_cli.transcript import (
    Alignment,
    DifferentWord,
    MissingWord,
    Segment,
    Word,
    bare_letters,
)

# The share of common letters below which a word isn't a misheard one: "old" and "young" have
# none, "prudently" and "proofing" 0.35, "Dashwood" and "dash would" 0.82.
_ALIKE = 0.3

# The share of the shorter side that must have been recognised; of another text, words such as
# "the" are found nevertheless.
_LEAST_SHARE = 0.2

Placed = tuple[GivenWord, Word]


def align_text(
    segments: Sequence[Segment], given: GivenText
) -> tuple[tuple[Segment, ...], Alignment]:
    """The text's lines as segments with times, and how they came to them.

    A word's time is `exact` if the same word was recognised there, or found there by an engine that
    was given the text, and `interpolated` if something else was, whose time is shared by letters.
    Where nothing was, the word is missing, and is in no segment. Raises InputError if hardly a word
    of the text was recognised.
    """
    words = list(given_words(given.text))
    found = list(recognised_words(segments))
    matches = match_words(
        [word.bare for word in words], [bare_letters(word.text) for word in found]
    )
    placed: list[Placed] = []
    missing: list[MissingWord] = []
    different: list[DifferentWord] = []
    extra: list[Word] = []
    for match in matches:
        ours, theirs = words[slice(*match.first)], found[slice(*match.second)]
        if not ours:
            extra += theirs
        elif not theirs:
            start, end = _gap(found, match)
            missing += (
                MissingWord(word.text, match.first[0] + number, start, end)
                for number, word in enumerate(ours)
            )
        else:
            placed += zip(ours, _timed(ours, theirs), strict=True)
            different += _different(ours, theirs)
    times = [word.timing for _, word in placed]
    least = _LEAST_SHARE * min(len(words), len(found))
    if times.count("exact") <= least:
        raise InputError(
            f"hardly a word of {given.name} was recognised in it.",
            hint="Is it the text of this recording, in its language?",
        )
    alignment = Alignment(
        given.name,
        exact=times.count("exact"),
        interpolated=times.count("interpolated"),
        missing=tuple(missing),
        different=tuple(different),
        extra=tuple(extra),
    )
    return tuple(_lines(placed)), alignment


def _gap(found: Sequence[Word], match: Match) -> tuple[float, float]:
    """Between which times missing words would be."""
    after = match.second[0]
    start = found[after - 1].end if after else 0.0
    end = found[after].start if after < len(found) else start
    return start, max(start, end)


def _timed(ours: Sequence[GivenWord], theirs: Sequence[Word]) -> list[Word]:
    """The words with the times of those they match."""
    start, end = theirs[0].start, max(theirs[0].start, theirs[-1].end)
    same = "".join(word.bare for word in ours) == "".join(bare_letters(w.text) for w in theirs)
    if len(ours) == 1:
        confidence = theirs[0].confidence if same and len(theirs) == 1 else None
        return [Word(start, end, ours[0].text, confidence, "exact" if same else "interpolated")]
    total = sum(len(word.bare) for word in ours)
    timed, passed = [], 0
    for word in ours:
        begins = start + (end - start) * passed / total
        passed += len(word.bare)
        ends = start + (end - start) * passed / total
        timed.append(Word(begins, ends, word.text, None, "interpolated"))
    return timed


def _different(ours: Sequence[GivenWord], theirs: Sequence[Word]) -> Iterable[DifferentWord]:
    """A word where another was recognised, which is no misheard form of it."""
    if len(ours) > 1 or len(theirs) > 1:
        return  # those are only joined where they are alike
    (word,), (recognised,) = ours, theirs
    if likeness(word.bare, bare_letters(recognised.text)) < _ALIKE:
        yield DifferentWord(word.text, recognised.text, recognised.start, recognised.end)


def _lines(placed: Iterable[Placed]) -> Iterable[Segment]:
    for _, line in groupby(placed, key=lambda pair: pair[0].line):
        pairs = list(line)
        words = tuple(word for _, word in pairs)
        text = "".join(f"{' ' if given.spaced else ''}{given.text}" for given, _ in pairs)
        yield Segment(words[0].start, words[-1].end, text.strip(), _forwards(words))


def _forwards(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Starts never fall, whatever the engine's do."""
    clock, made = 0.0, []
    for word in words:
        clock = max(clock, word.start)
        made.append(replace(word, start=clock, end=max(clock, word.end)))
    return tuple(made)
