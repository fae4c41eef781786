"""Puts segments in order: their times are numbers and never go backwards.

Some engines return words that overlap, end before they start or lie outside their segment.
Every format needs ordered times, so it calls this first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from parakeet_cli.transcript import Segment, finite, monotonic_words


def by_speaker(segments: Iterable[Segment]) -> list[list[Segment]]:
    """The segments of each speaker, by who spoke first; all in one list if nobody is named."""
    found: dict[str | None, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.speaker, []).append(segment)
    return list(found.values())


def in_order(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The same segments and words; starts never fall, and no word ends after the next starts.

    Only different speakers may overlap.
    """
    speakers = [_in_order(part) for part in by_speaker(segments)]
    return heapq.merge(*speakers, key=lambda segment: segment.start)


def _in_order(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The segments of one speaker in order.

    If two words overlap, the first is cut, because start times are more reliable. A segment
    spans its words. One without text gets that of its words; one without either is left out.
    """
    held: Segment | None = None
    clock = 0.0
    for segment in segments:
        if not segment.text.strip() and not any(word.text.strip() for word in segment.words):
            continue
        segment = _ordered(segment, clock)
        clock = segment.words[-1].start if segment.words else segment.start
        if held is not None:
            held, segment = _separated(held, segment)
            yield held
        held = segment
    if held is not None:
        yield held


def _ordered(segment: Segment, clock: float) -> Segment:
    start = finite(segment.start, clock)
    if segment.words:
        start = min(start, finite(segment.words[0].start, start))
    start = max(start, clock)
    words = list(monotonic_words((word for word in segment.words if word.text.strip()), start))
    for index, (word, following) in enumerate(pairwise(words)):
        if word.end > following.start:
            words[index] = replace(word, end=following.start)
    end = max(start, finite(segment.end, start), words[-1].end if words else start)
    text = segment.text if segment.text.strip() else " ".join(word.text for word in words)
    return replace(segment, start=start, end=end, text=text, words=tuple(words))


def _separated(first: Segment, second: Segment) -> tuple[Segment, Segment]:
    """Both without overlap; the words decide where the first one ends."""
    words = first.words
    limit = second.words[0].start if second.words else second.start
    if words and words[-1].end > limit:
        words = (*words[:-1], replace(words[-1], end=limit))
    end = min(first.end, max(second.start, words[-1].end if words else first.start))
    return replace(first, end=end, words=words), replace(second, start=max(second.start, end))
