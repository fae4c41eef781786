"""Replaces what was recognised by the words of a given text, where they are as probable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..terms.tree import MARK
from .lattice import Run, WordAligner, place_words
from .text import TextToAlign, bare_letters

_MOST_CELLS = 8_000  # words times frames of a gap: a second or so
_CONTEXT = 8  # tokens before a gap that a transducer's predictions come of

# An aligner for the frames from one to before another, behind some tokens.
MakeAligner = Callable[[int, int, list[int]], WordAligner]


@dataclass(frozen=True, slots=True)
class _Recognised:
    """A recognised word: its tokens' numbers, and its frames."""

    bare: str
    tokens: tuple[int, int]
    start: int
    end: int


def with_given_words(
    text: TextToAlign, runs: Sequence[Run], frames: int, make_aligner: MakeAligner
) -> list[Any]:
    """A chunk's tokens, with the text's words in the place of others that were recognised.

    `runs` are those that were recognised, of `frames` frames. Where a word of the text has too
    little probability, what was recognised stays.
    """
    words = [word for word in _words(text.pieces, runs) if word.bare]
    dropped: set[int] = set()
    added: list[Run] = []
    for gap in text.gaps([word.bare for word in words]):
        first, last = gap.recognised
        start = words[first - 1].end if first else 0
        end = words[last].start if last < len(words) else frames
        forms = [text.forms(word) for word in range(*gap.given)]
        if not start < end or (end - start) * len(forms) > _MOST_CELLS:
            continue
        before = words[first - 1].tokens[1] if first else 0
        history = [run[0] for run in runs[max(0, before - _CONTEXT) : before]]
        for placed in place_words(make_aligner(start, end, history), forms):
            found = [(run[0], run[1] + start, run[2] + start, *run[3:]) for run in placed.runs]
            added += found
            dropped.update(_tokens_within(words[first:last], found[0][1], found[-1][2]))
    if not added:
        return list(runs)
    left = [run for number, run in enumerate(runs) if number not in dropped]
    return sorted([*left, *added], key=lambda run: run[1])


def _tokens_within(words: Iterable[_Recognised], start: int, end: int) -> Iterator[int]:
    """The tokens of the words that share a frame with those from `start` to before `end`."""
    for word in words:
        if word.start < end and start < word.end:
            yield from range(*word.tokens)


def _words(pieces: Sequence[str], runs: Sequence[Run]) -> list[_Recognised]:
    begins = [at for at, run in enumerate(runs) if at == 0 or pieces[run[0]].startswith(MARK)]
    found = []
    for first, after in pairwise([*begins, len(runs)]):
        own = runs[first:after]
        bare = bare_letters("".join(pieces[run[0]] for run in own).replace(MARK, ""))
        found.append(_Recognised(bare, (first, after), own[0][1], max(run[2] for run in own)))
    return found
