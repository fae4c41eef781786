"""Writes terms as the vocabulary spells them, where the text has them in another way.

Transcripts take a term whose letters are all there: case, hyphens, and spaces where the term is
divided. Dictation, whose vocabularies are short, corrects letters as well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from parakeet_cli.transcript import Segment, Word
from parakeet_cli.vocabulary.terms import parse_terms

_MAX_TERM_WORDS = 4  # that a model may write for one word of a term: "pie torch lightning"
# Letters that a term must have for one or two of them to be wrong: short words are too alike.
_ONE_WRONG = 6
_TWO_WRONG = 10
_FIRST_WRONG = 8  # where it may be a first letter that sounds otherwise: bright is not Wright
_SOUNDS = ("ckq", "sczx", "fvp", "gj", "iye", "bp", "dt", "vw", "jy", "mn", "ou", "ao")
_EDGES = ".,;:!?…\"'()[]“”‘’«»¿¡"
_POINT = re.compile(r"\d[.,:/](?=\d)")
_POSSESSIVES = ("'s", "’s")


@dataclass(frozen=True, slots=True)
class _Known:
    """What to write for a term, and after how many of its letters a space may stand."""

    written: str
    breaks: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Match:
    """Words from `start` that are one term, and what stands in their place."""

    start: int
    count: int
    text: str


class Speller:
    """Spells terms as the entries of a vocabulary have them.

    With `corrects`, letters may be wrong: one in a term of six or more, two in a term of ten or
    more. The first letter may be one of them if it sounds alike, or if it is the only one and
    the term has eight letters. Spaces don't count at all then.
    """

    def __init__(self, entries: Sequence[str], *, corrects: bool = False) -> None:
        self._corrects = corrects
        self._terms: dict[str, _Known] = {}
        self._longest = 0
        for term in parse_terms(entries):
            known = _Known(term.written, _breaks(term.heard) | _breaks(term.written))
            for text in dict.fromkeys((term.heard, term.written)):
                if not (letters := _letters(text)):
                    continue
                self._terms.setdefault(letters, known)
                self._longest = max(self._longest, len(text.split()), len(known.breaks) + 1)
        if corrects:
            self._longest = max(self._longest, _MAX_TERM_WORDS)
        self._near = _NearTerms(self._terms) if corrects else None

    def text(self, text: str) -> str:
        """The text with its terms spelled; what is between its words stays as it is."""
        pieces = re.split(r"(\s+)", text)
        words = pieces[::2]
        for match in self._matches(words):
            at = 2 * match.start
            pieces[at] = match.text
            for one in range(at + 1, at + 2 * match.count - 1):
                pieces[one] = ""
        return "".join(pieces)

    def segments(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """The segments with their terms spelled; words that are one term become one word."""
        return tuple(
            replace(segment, text=self.text(segment.text), words=self._spelled(segment.words))
            for segment in segments
        )

    def _spelled(self, words: Sequence[Word]) -> tuple[Word, ...]:
        spelled = list(words)
        for match in reversed(list(self._matches([word.text for word in words]))):
            end = match.start + match.count
            parts = words[match.start : end]
            known = [part.confidence for part in parts if part.confidence is not None]
            spelled[match.start : end] = _divided(match.text, parts, known)
        return tuple(spelled)

    def _matches(self, words: Sequence[str]) -> Iterator[_Match]:
        at = 0
        while at < len(words):
            for count in range(min(self._longest, len(words) - at), 0, -1):
                text = self._match(words[at : at + count])
                if text is not None:
                    yield _Match(at, count, text)
                    break
            else:
                count = 1
            at += count

    def _match(self, words: Sequence[str]) -> str | None:
        """The term that the words are, within their punctuation; None if they are none."""
        first, last = words[0], words[-1]
        front = first[: len(first) - len(first.lstrip(_EDGES))]
        back = last[len(last.rstrip(_EDGES)) :]
        cores = list(words)
        cores[0] = cores[0][len(front) :]
        cores[-1] = cores[-1][: len(cores[-1]) - len(back)]
        if not all(map(_letters, cores)):
            return None
        if any(one[-1] in ".?!;:" for one in cores[:-1]):  # a sentence ends within
            return None
        for possessive in ("", *_POSSESSIVES):
            if cores[-1].endswith(possessive):
                stems = [*cores[:-1], cores[-1][: len(cores[-1]) - len(possessive)]]
                written = self._find(stems)
                if written is not None:
                    end = cores[-1][len(stems[-1]) :] + back
                    front = front[: len(front) - _overlap(front, written)]
                    return f"{front}{written}{end[_overlap(written, end) :]}"
        return None

    def _find(self, words: Sequence[str]) -> str | None:
        letters = [_letters(word) for word in words]
        whole = "".join(letters)
        known = self._terms.get(whole)
        points = _points(words)
        within = points if self._corrects else points | _inner_ends(letters)
        if known is not None and within <= known.breaks:
            return known.written
        if self._near is None or points or len(words) > _MAX_TERM_WORDS:
            return None
        near = self._near.nearest(whole)
        return None if near is None else self._terms[near].written


@lru_cache(maxsize=4)
def make_speller(entries: tuple[str, ...], *, corrects: bool = False) -> Speller:
    """The speller of these entries, made once."""
    return Speller(entries, corrects=corrects)


def _divided(text: str, parts: Sequence[Word], known: Sequence[float]) -> list[Word]:
    """The words of a term, timed as what stood in their place.

    Where the count of words is another, the term's words divide the time by their letters.
    """
    words = text.split()
    if len(words) == len(parts):
        return [replace(part, text=word) for part, word in zip(parts, words, strict=True)]
    start, end = parts[0].start, parts[-1].end
    confidence = min(known) if len(known) == len(parts) else None
    lengths = [len(word) for word in words]
    share = (end - start) / sum(lengths)
    times = [start + share * sum(lengths[:at]) for at in range(len(words))] + [end]
    return [
        replace(parts[0], text=word, start=times[at], end=times[at + 1], confidence=confidence)
        for at, word in enumerate(words)
    ]


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _overlap(before: str, after: str) -> int:
    """How many characters at the end of one text are the beginning of the other: of "Yahoo!"."""
    most = min(len(before), len(after))
    return next((n for n in range(most, 0, -1) if before.endswith(after[:n])), 0)


def _inner_ends(letters: Sequence[str]) -> set[int]:
    """After how many letters the words end, without the last."""
    ends, total = set(), 0
    for part in letters[:-1]:
        total += len(part)
        ends.add(total)
    return ends


def _points(words: Sequence[str]) -> set[int]:
    """After how many letters a number is divided by a mark: 7.10 isn't 710."""
    text = " ".join(words)
    return {len(_letters(text[: one.start() + 1])) for one in _POINT.finditer(text)}


def _breaks(term: str) -> frozenset[int]:
    """After how many letters a term is divided: "PyTorch 2" after two, and after seven."""
    breaks, count = set(), 0
    before = ""
    for char in term:
        if not char.isalnum() or (before and _turns(before, char)):
            breaks.add(count)
        count += len(_letters(char))
        before = char if char.isalnum() else ""
    return frozenset(breaks)


def _turns(before: str, char: str) -> bool:
    return (before.islower() and char.isupper()) or (before.isdigit() != char.isdigit())


class _NearTerms:
    """Finds the first term that differs from some letters in no more than may be wrong."""

    def __init__(self, terms: Sequence[str] | dict[str, _Known]) -> None:
        self._by_length: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
        for order, term in enumerate(terms):
            if len(term) >= _ONE_WRONG:
                self._by_length[len(term)].append((order, _signature(term), term))

    def nearest(self, letters: str) -> str | None:
        if not letters:
            return None
        signature = _signature(letters)
        close = [
            (order, term)
            for length in range(len(letters) - 2, len(letters) + 3)
            for order, other, term in self._by_length.get(length, ())
            # Each wrong letter changes two bits at most.
            if (signature ^ other).bit_count() <= 2 * _may_be_wrong(term)
        ]
        return next((term for _, term in sorted(close) if _is_near(letters, term)), None)


def _signature(letters: str) -> int:
    """A bit for each letter that is there, whatever the order."""
    signature = 0
    for letter in letters:
        signature |= 1 << (ord(letter) & 63)
    return signature


def _may_be_wrong(term: str) -> int:
    return 2 if len(term) >= _TWO_WRONG else 1 if len(term) >= _ONE_WRONG else 0


def _is_near(letters: str, term: str) -> bool:
    wrong = _may_be_wrong(term)
    if letters[0] != term[0] and not _sound_alike(letters[0], term[0]):
        wrong = 1 if len(term) >= _FIRST_WRONG and letters[1:] == term[1:] else 0
    return bool(wrong) and _distance(letters, term, wrong) <= wrong


def _sound_alike(a: str, b: str) -> bool:
    return any(a in sounds and b in sounds for sounds in _SOUNDS)


def _distance(a: str, b: str, most: int) -> int:
    """The Levenshtein distance, or a number above `most`."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]
