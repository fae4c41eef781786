"""Gives every word a time of its own: long enough to be seen, and inside the recording.

Engines time words by their attention or by frames, and crowd some of them into no time at all or
put the last one behind the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from parakeet_cli.transcript import Segment, Word, at_times, finite

MIN_WORD_SECONDS = 0.021  # a frame of 20 ms, and what rounding to milliseconds takes away


def spread_words(segments: Sequence[Segment], duration: float | None) -> tuple[Segment, ...]:
    """The segments with words of `MIN_WORD_SECONDS` and more that follow each other.

    A word that is too short is prolonged into the silence after it, and where there is none, the
    words after it are delayed; at the end of the recording, the words before it begin earlier. All
    lie in 0 to `duration` seconds, None for unknown. Where there isn't that much time for all of
    them, they share it evenly.
    """
    words = [word for segment in segments for word in segment.words]
    limit = math.inf if duration is None or not math.isfinite(duration) else max(0.0, duration)
    least = min(MIN_WORD_SECONDS, limit / len(words)) if words else MIN_WORD_SECONDS
    spread = iter(_pulled_inside(_pushed_apart(words, least), limit, least))
    return tuple(
        _with_words(segment, [next(spread) for _ in segment.words]) for segment in segments
    )


def _pushed_apart(words: Sequence[Word], least: float) -> list[Word]:
    """From first to last: each begins where the one before it has had its least, or later."""
    apart: list[Word] = []
    free = 0.0  # seconds: where the next word may begin
    for word in words:
        start = max(free, finite(word.start, free))
        if apart and apart[-1].end > start:
            apart[-1] = replace(apart[-1], end=start)
        apart.append(at_times(word, start, max(start + least, finite(word.end, start))))
        free = start + least
    return apart


def _pulled_inside(words: list[Word], limit: float, least: float) -> list[Word]:
    """From last to first, as far as any lies behind the limit."""
    for index in reversed(range(len(words))):
        word = words[index]
        if word.end <= limit:
            break
        start = max(0.0, min(word.start, limit - least))
        words[index] = replace(word, start=start, end=max(start, limit))
        limit = start
    return words


def _with_words(segment: Segment, words: list[Word]) -> Segment:
    if not words:
        return segment
    return replace(segment, start=words[0].start, end=words[-1].end, words=tuple(words))
