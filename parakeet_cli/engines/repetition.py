"""Finds phrases that a decoder repeats over and over, and words that never end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parakeet_cli.transcript import bare_letters

# A phrase that is repeated without anything between. People do say a word five times.
_MAX_PHRASE = 12  # words
_MIN_REPEATS = 6
_MIN_REPEATED_WORDS = 15  # in all the repeats together
# "bbbbbbbbbbbbbbbb": the same few letters on and on in one word.
_STUTTER = re.compile(r"(.{1,4}?)\1{7,}")
_MIN_STUTTER = 16  # letters


class Repetition(NamedTuple):
    """Words from number `first` up to, without, number `stop`, which repeat `phrase`."""

    first: int
    stop: int
    phrase: str


def repetitions(words: Sequence[str]) -> Iterator[Repetition]:
    """All that is repeated in a text's words, in order."""
    bare = [bare_letters(word) for word in words]
    at = 0
    while at < len(words):
        if (length := _stutter(bare[at])) is not None:
            yield Repetition(at, at + 1, bare[at][:length])
            at += 1
            continue
        phrase, repeats = _repeated(bare, at)
        if repeats:
            yield Repetition(at, at + phrase * repeats, " ".join(words[at : at + phrase]))
        at += max(1, phrase * repeats)


def runs_in_circles(text: str) -> bool:
    """Whether any of it is repeated over and over."""
    return any(True for _ in repetitions(text.split()))


def is_better(text: str, than: str) -> bool:
    """Whether a text repeats nothing over and over, and still says what another one says once.

    A decoder leaves a circle for silence, too: at least half as many words must be left.
    """
    return not runs_in_circles(text) and 2 * len(text.split()) >= _words_once(than)


def _words_once(text: str) -> int:
    """The words of a text in which each repetition counts as one phrase."""
    words = text.split()
    repeated = sum(one.stop - one.first - len(one.phrase.split()) for one in repetitions(words))
    return len(words) - repeated


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
