"""Finds what is doubtful about a whole transcript, and joins the doubts about its parts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from parakeet_cli.transcript import Doubt, Segment, Word, bare_letters, words_of

_SAME_INTERVAL = 10.0  # seconds between two doubts of one kind that are told as one

# Means of the words' confidences, by their seconds, at which a whole text is doubted. English
# speech of the tests, clean and with noise, has 0.4 and more with every engine.
_LOW_CONFIDENCE = 0.3
_MIN_WORDS = 3  # a shorter text says too little

# A phrase that is repeated without anything between. People do say a word five times.
_MAX_PHRASE = 12  # words
_MIN_REPEATS = 6
_MIN_REPEATED_WORDS = 15  # in all the repeats together
# "bbbbbbbbbbbbbbbb": the same few letters on and on in one word.
_STUTTER = re.compile(r"(.{1,4}?)\1{7,}")
_MIN_STUTTER = 16  # letters


def doubts_of(found: Iterable[Doubt], segments: Sequence[Segment]) -> tuple[Doubt, ...]:
    """All doubts about a transcript, by their start: those found on the way and its text's own."""
    words = [word for segment in segments for word in words_of(segment, split=True)]
    own = (*_repetitions(words), *_low_confidence(words))
    return tuple(sorted(_joined(found, own), key=lambda doubt: (doubt.start, doubt.kind)))


def _joined(*groups: Iterable[Doubt]) -> Iterator[Doubt]:
    """The doubts, with those of one kind that follow each other as one."""
    by_kind: dict[str, list[Doubt]] = {}
    for doubt in sorted((one for group in groups for one in group), key=lambda one: one.start):
        before = by_kind.setdefault(doubt.kind, [])
        if before and doubt.start - before[-1].end <= _SAME_INTERVAL:
            before[-1] = replace(before[-1], end=max(before[-1].end, doubt.end))
        else:
            before.append(doubt)
    for doubts in by_kind.values():
        yield from doubts


def _low_confidence(words: Sequence[Word]) -> Iterator[Doubt]:
    known = [word for word in words if word.confidence is not None]
    if len(known) < _MIN_WORDS:
        return
    seconds = [max(word.end - word.start, 0.02) for word in known]
    mean = sum(
        length * (word.confidence or 0.0) for word, length in zip(known, seconds, strict=True)
    ) / sum(seconds)
    if math.isfinite(mean) and mean < _LOW_CONFIDENCE:
        reason = f"the engine is unsure of the whole text (confidence {mean:.2f} on average)"
        yield Doubt("low-confidence", words[0].start, words[-1].end, reason)


def _repetitions(words: Sequence[Word]) -> Iterator[Doubt]:
    """Phrases that follow themselves many times, and words that never end."""
    bare = [bare_letters(word.text) for word in words]
    at = 0
    while at < len(words):
        if (length := _stutter(bare[at])) is not None:
            yield _repetition(words[at : at + 1], f"“{bare[at][:length]}”")
            at += 1
            continue
        phrase, repeats = _repeated(bare, at)
        if repeats:
            said = " ".join(word.text for word in words[at : at + phrase])
            yield _repetition(words[at : at + phrase * repeats], f"“{said}”")
        at += max(1, phrase * repeats)


def _stutter(word: str) -> int | None:
    """How many letters are repeated at the word's end, None for an ordinary word."""
    found = _STUTTER.search(word)
    if found is None or len(found[0]) < _MIN_STUTTER:
        return None
    return len(found[1])


def _repeated(bare: Sequence[str], at: int) -> tuple[int, int]:
    """The phrase that is repeated from word `at` on: its words, and how often it is said."""
    for phrase in range(1, _MAX_PHRASE + 1):
        repeats = 1
        while bare[at : at + phrase] == bare[at + repeats * phrase : at + (repeats + 1) * phrase]:
            repeats += 1
        if repeats >= _MIN_REPEATS and repeats * phrase >= _MIN_REPEATED_WORDS:
            return phrase, repeats
    return 0, 0


def _repetition(words: Sequence[Word], said: str) -> Doubt:
    return Doubt(
        "repetition", words[0].start, words[-1].end, f"the text repeats {said} over and over"
    )
