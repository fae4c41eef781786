"""Builds words from tokens and segments from words, for every Parakeet engine.

A token is a piece of a word; `▁` at its front begins a new word (SentencePiece's mark).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parakeet_cli.transcript import Segment, Word

MARK = "▁"
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_SPOKEN = frozenset("%&@#*/\\§")  # Unicode's punctuation that people pronounce
_PAUSE = 1.5  # seconds without a word: a new segment, for models that write no full stops


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text with its time in seconds, and its probability if it is known."""

    piece: str
    start: float
    end: float
    probability: float | None = None


def tokens_to_segments(tokens: Iterable[Token]) -> list[Segment]:
    """Segments with words, a sentence each."""
    return words_to_segments(tokens_to_words(tokens))


def tokens_to_words(tokens: Iterable[Token]) -> list[Word]:
    """Words with times; a word's confidence is that of its least probable piece."""
    words: list[list[Token]] = []
    for token in tokens:
        if token.piece.startswith(MARK) or not words:
            words.append([])
        words[-1].append(token)
    return [word for pieces in words if (word := _word(pieces)) is not None]


def _word(tokens: Sequence[Token]) -> Word | None:
    text = "".join(token.piece for token in tokens).replace(MARK, "").strip()
    if not text:
        return None
    visible = [token for token in tokens if token.piece.strip(MARK)]
    known = [token.probability for token in visible if token.probability is not None]
    # Punctuation takes no time, but a model may write it as late as at the end of the pause
    # after a word. NeMo, too, lets it end where the token before it ended.
    spoken = [token for token in visible if not _is_punctuation(token.piece)] or visible
    return Word(
        start=tokens[0].start,
        end=max(token.end for token in spoken),
        text=text,
        confidence=round(min(known), 4) if len(known) == len(visible) else None,
    )


def _is_punctuation(piece: str) -> bool:
    return all(
        unicodedata.category(letter).startswith("P") and letter not in _SPOKEN
        for letter in piece.strip(MARK)
    )


def words_to_segments(words: Sequence[Word]) -> list[Segment]:
    """One segment for each sentence, which also ends at a long pause."""
    sentences: list[list[Word]] = []
    before: Word | None = None
    for word in words:
        if (
            before is None
            or before.text.endswith(_SENTENCE_ENDS)
            or word.start - before.end > _PAUSE
        ):
            sentences.append([])
        sentences[-1].append(word)
        before = word
    return [_segment(sentence) for sentence in sentences]


def _segment(words: Sequence[Word]) -> Segment:
    known = [word.confidence for word in words if word.confidence is not None]
    return Segment(
        start=words[0].start,
        end=words[-1].end,
        text=" ".join(word.text for word in words),
        words=tuple(words),
        confidence=round(sum(known) / len(known), 4) if len(known) == len(words) else None,
    )
