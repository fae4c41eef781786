"""Finds what is doubtful about a whole transcript, and joins the doubts about its parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from parakeet_cli.engines.repetition import repetitions
from parakeet_cli.transcript import Doubt, Segment, Word, words_of

_SAME_INTERVAL = 10.0  # seconds between two doubts of one kind that are told as one

# Means of the words' confidences, by their seconds, at which a whole text is doubted. English
# speech of the tests, clean and with noise, has 0.4 and more with every engine.
_LOW_CONFIDENCE = 0.3
_MIN_WORDS = 3  # a shorter text says too little


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
    for first, stop, said in repetitions([word.text for word in words]):
        reason = f"the text repeats “{said}” over and over"
        yield Doubt("repetition", words[first].start, words[stop - 1].end, reason)
