"""Tokens to words, words to segments: what every Parakeet engine gives.

A token is a piece of a word; `▁` at its front begins a new one (SentencePiece's mark).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parakeet_cli.transcript import Segment, Word

MARK = "▁"
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_PAUSE = 1.5  # seconds without a word: a new segment, for models that write no full stops


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text with its time in seconds, and its probability where it is known."""

    piece: str
    start: float
    end: float
    probability: float | None = None


def words_of(tokens: Iterable[Token]) -> list[Word]:
    """Words with times; a word is as sure as the least sure of its pieces."""
    words: list[Word] = []
    held: list[Token] = []

    def close() -> None:
        text = "".join(token.piece for token in held).replace(MARK, "")
        if text.strip():
            words.append(_word(text, [one for one in held if one.piece.strip(MARK)]))
        held.clear()

    for token in tokens:
        if token.piece.startswith(MARK):
            close()
        held.append(token)
    close()
    return words


def _word(text: str, tokens: Sequence[Token]) -> Word:
    sure = [token.probability for token in tokens]
    known = [probability for probability in sure if probability is not None]
    return Word(
        start=tokens[0].start,
        end=max(token.end for token in tokens),
        text=text.strip(),
        confidence=round(min(known), 4) if len(known) == len(sure) else None,
    )


def segments_of(words: Sequence[Word]) -> list[Segment]:
    """A segment a sentence; where nobody writes full stops, a segment up to each pause."""
    segments: list[Segment] = []
    held: list[Word] = []
    for word in words:
        if held and word.start - held[-1].end > _PAUSE:
            segments.append(_segment(held))
            held = []
        held.append(word)
        if word.text.endswith(_SENTENCE_ENDS):
            segments.append(_segment(held))
            held = []
    if held:
        segments.append(_segment(held))
    return segments


def _segment(words: Sequence[Word]) -> Segment:
    sure = [word.confidence for word in words if word.confidence is not None]
    return Segment(
        start=words[0].start,
        end=words[-1].end,
        text=" ".join(word.text for word in words),
        words=tuple(words),
        confidence=round(sum(sure) / len(sure), 4) if len(sure) == len(words) else None,
    )
