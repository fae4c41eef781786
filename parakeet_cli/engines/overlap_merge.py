"""Merges the transcripts of two chunks that share some audio.

Speech without a pause is cut with an overlap: the end of one chunk is the beginning of
the next. A word near the cut may be whole in one chunk and broken in the other, so the two
are joined at a word that is the same in both, the one nearest to the middle of the overlap.
Without such a word they are joined at the middle itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from parakeet_cli.transcript import Segment, Word, bare_letters, words_of

_SAME_TIME = 0.8  # seconds: Whisper's word times move by up to half of that between windows
_SLACK = 0.3  # seconds around the overlap in which a word may still belong to it


def merge_overlap(
    before: Sequence[Segment], after: Sequence[Segment], start: float, end: float
) -> tuple[list[Segment], list[Segment]]:
    """Both sides, trimmed so that no word of the overlap is in both.

    The overlap is from `start` to `end` seconds on the source's clock.
    """
    left, right = _words(before), _words(after)
    left_from = next((at for at, word in enumerate(left) if word.end > start - _SLACK), len(left))
    right_to = next((at for at, word in enumerate(right) if word.start >= end + _SLACK), len(right))
    middle = (start + end) / 2
    pairs = _common_words(left[left_from:], right[:right_to])
    if pairs:
        a, b = min(pairs, key=lambda pair: abs(_middle(left[left_from + pair[0]]) - middle))
        keep_left, skip_right = left_from + a + 1, b + 1
    else:
        keep_left = sum(_middle(word) < middle for word in left)
        skip_right = sum(_middle(word) < middle for word in right)
    return _trim(before, 0, keep_left), _trim(after, skip_right, len(right))


def _words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in words_of(segment)]


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _common_words(left: list[Word], right: list[Word]) -> list[tuple[int, int]]:
    """The longest common subsequence of words at about the same time, as index pairs."""
    same = _same_words(left, right)
    lengths = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            skipped = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if (i, j) in same else skipped
    pairs = []
    i = j = 0
    while i < len(left) and j < len(right):
        if (i, j) in same:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _same_words(left: list[Word], right: list[Word]) -> set[tuple[int, int]]:
    a = [bare_letters(word.text) for word in left]
    b = [bare_letters(word.text) for word in right]
    return {
        (i, j)
        for i in range(len(a))
        for j in range(len(b))
        if a[i] and a[i] == b[j] and abs(_middle(left[i]) - _middle(right[j])) < _SAME_TIME
    }


def _trim(segments: Sequence[Segment], first: int, last: int) -> list[Segment]:
    """The segments' words from number `first` up to `last`, counted over all of them."""
    trimmed = []
    at = 0
    for segment in segments:
        count = len(segment.words) or 1
        low, high = max(first - at, 0), min(last - at, count)
        at += count
        if low >= high:
            continue
        whole = low == 0 and high == count
        trimmed.append(segment if whole else _part(segment, low, high))
    return trimmed


def _part(segment: Segment, low: int, high: int) -> Segment:
    words = segment.words[low:high]
    return replace(
        segment,
        start=words[0].start,
        end=words[-1].end,
        text=_text_of(segment, low, high),
        words=words,
    )


def _text_of(segment: Segment, low: int, high: int) -> str:
    """The part of the segment's text that its words `low` to `high` make up.

    Cut out rather than joined: not every language has spaces between its words.
    """
    at, begin = 0, 0
    for number, word in enumerate(segment.words[:high]):
        found = segment.text.find(word.text, at)
        if found < 0:
            return " ".join(word.text for word in segment.words[low:high])
        if number == low:
            begin = found
        at = found + len(word.text)
    return segment.text[begin:at].strip()
