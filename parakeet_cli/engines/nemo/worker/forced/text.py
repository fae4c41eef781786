"""Finds the part of a given text that a chunk has, and how a model may write its words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import pairwise

from ..terms.tree import MARK, spellings

_PHRASE = 3  # words of a phrase that says where a chunk is; else single words do
_MOST_PLACES = 64  # of a phrase or word in the text: one that is everywhere says nothing
_BUCKET = 32  # words by which what was recognised may drift from the text within a chunk
_SLACK = 16  # words that the part may begin earlier and end later
_MOST_MISSED = 8  # words of the text between two that were recognised, where no other was
_MORE = 2  # words of the text that are tried at a chunk's ends beyond those recognised there
_MOST_WORDS = 40  # of the text between two words that were recognised
_MOST_FORMS = 4  # ways to write a word
_LONGEST = 60  # letters of a word

Form = tuple[int, ...]  # the ids of a word's tokens


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two recognised words that are the text's: `recognised` of the chunk, `given` words.

    Both are ranges, and either may be empty.
    """

    recognised: tuple[int, int]
    given: tuple[int, int]


class TextToAlign:
    """A given text over a model's pieces, of which `pieces` has the texts by their ids."""

    def __init__(self, pieces: Sequence[str], words: Sequence[str]) -> None:
        self.pieces = pieces
        known = [(piece, number) for number, piece in enumerate(pieces) if _is_text(piece)]
        self._ids = dict(reversed(known))
        self._letters = {letter for piece in self._ids for letter in piece}
        self._longest = max(map(len, self._ids), default=0)
        self._words = words
        self.bare = [bare_letters(word) for word in words]
        self._phrases = _places(self.bare, _PHRASE)
        self._singles = _places(self.bare, 1)

    def gaps(self, recognised: Sequence[str]) -> list[Gap]:
        """Where a chunk's words, without case and punctuation, aren't those of the text.

        Empty if no part of the text is in them, or if the text has nothing there.
        """
        if not recognised:
            return []
        first, last = self._part(recognised)
        matcher = SequenceMatcher(None, recognised, self.bare[first:last], autojunk=False)
        *blocks, _ = matcher.get_matching_blocks()
        if not blocks:
            whole = last - first if last - first <= _MOST_WORDS else 0
            return [Gap((0, len(recognised)), (first, first + whole))] if whole else []
        blocks = _together(blocks)
        opening, closing = blocks[0], blocks[-1]
        found = [
            Gap(
                (0, opening.a),
                (max(0, first + opening.b - opening.a - _MORE), first + opening.b),
            )
        ]
        for one, following in pairwise(blocks):
            ours = one.a + one.size, following.a
            found.append(Gap(ours, (first + one.b + one.size, first + following.b)))
        at, opposite = closing.a + closing.size, first + closing.b + closing.size
        until = min(len(self.bare), opposite + len(recognised) - at + _MORE)
        found.append(Gap((at, len(recognised)), (opposite, until)))
        return [gap for gap in found if 0 < gap.given[1] - gap.given[0] <= _MOST_WORDS]

    def _part(self, recognised: Sequence[str]) -> tuple[int, int]:
        """The part of the text in which the words are, with some around it."""
        count = len(recognised)
        if len(self.bare) <= count + 2 * _SLACK:
            return 0, len(self.bare)
        votes = _votes(self._phrases, recognised, _PHRASE)
        votes = votes or _votes(self._singles, recognised, 1)
        if not votes:
            return 0, 0
        best = max(sorted(votes), key=lambda bucket: votes[bucket] + votes[bucket + 1])
        start = best * _BUCKET
        return max(0, start - _SLACK), min(len(self.bare), start + 2 * _BUCKET + count + _SLACK)

    def forms(self, word: int) -> list[Form]:
        """The tokens of a word of the text, in the ways that a model may write it."""
        text = self._words[word]
        inner = [at for at, letter in enumerate(text) if letter.isalnum()]
        if not inner or len(text) > _LONGEST:
            return []
        text = text[inner[0] : inner[-1] + 1].replace("’", "'")
        found: dict[Form, None] = {}
        for spelling in spellings(text, self._letters):
            if " " not in spelling:
                for form in (self._merged(spelling), self._longest_first(spelling)):
                    if form is not None:
                        found[form] = None
        return list(found)[:_MOST_FORMS]

    def _merged(self, word: str) -> Form | None:
        """By merging pairs, the lowest id first: as SentencePiece's BPE, which numbers so."""
        parts = [MARK, *word] if MARK in self._ids else [MARK + word[0], *word[1:]]
        while len(parts) > 1:
            pairs = [self._ids.get(a + b) for a, b in pairwise(parts)]
            known = [(number, at) for at, number in enumerate(pairs) if number is not None]
            if not known:
                break
            _, at = min(known)
            parts[at : at + 2] = ["".join(parts[at : at + 2])]
        ids = [self._ids.get(part) for part in parts]
        return None if None in ids else tuple(one for one in ids if one is not None)

    def _longest_first(self, word: str) -> Form | None:
        text, at, form = MARK + word, 0, []
        while at < len(text):
            for end in range(min(len(text), at + self._longest), at, -1):
                if (number := self._ids.get(text[at:end])) is not None:
                    form.append(number)
                    at = end
                    break
            else:
                return None
        return tuple(form)


def bare_letters(word: str) -> str:
    """A word without case and punctuation."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _together(blocks: Sequence[Match]) -> list[Match]:
    """Those of the blocks, in order, that are near each other in the text: the most words of it."""
    groups = [[blocks[0]]]
    for before, block in pairwise(blocks):
        missed = block.b - before.b - before.size
        if missed > _MOST_MISSED + 2 * (block.a - before.a - before.size):
            groups.append([])
        groups[-1].append(block)
    return max(groups, key=lambda group: sum(block.size for block in group))


def _is_text(piece: str) -> bool:
    return bool(piece) and not (piece.startswith("<") and piece.endswith(">"))


def _phrases(words: Sequence[str], length: int) -> Iterator[str]:
    return (" ".join(words[at : at + length]) for at in range(len(words) - length + 1))


def _places(words: Sequence[str], length: int) -> dict[str, list[int]]:
    """Where each phrase of that many words is, as long as that is in few places."""
    places: dict[str, list[int]] = {}
    for at, phrase in enumerate(_phrases(words, length)):
        places.setdefault(phrase, []).append(at)
    return {phrase: found for phrase, found in places.items() if len(found) <= _MOST_PLACES}


def _votes(places: Mapping[str, list[int]], words: Sequence[str], length: int) -> Counter[int]:
    """How much the phrases of a chunk are for each place of its beginning, in buckets."""
    votes: Counter[int] = Counter()
    for at, phrase in enumerate(_phrases(words, length)):
        found = places.get(phrase, [])
        for place in found:
            votes[(place - at) // _BUCKET] += 1 / len(found)  # type: ignore[assignment]
    return votes
