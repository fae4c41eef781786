"""Turns a transcript into tokens: the pieces of text that no line break may cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from parakeet_cli.formats.subtitles.text_width import breakable, clean, units, width
from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Segment, Word, words_of


@dataclass(frozen=True, slots=True)
class SubtitleToken:
    """A piece of text with its time in seconds, and how it follows the token before it.

    `spaced`: a space separates the two. `word` counts the words of the transcript: two
    tokens of one word share it. `opens` marks the first token of a segment.
    """

    text: str
    start: float
    end: float
    spaced: bool
    word: int
    opens: bool = False

    @property
    def width(self) -> int:
        return width(self.text)


def subtitle_tokens(segments: Iterable[Segment]) -> Iterator[SubtitleToken]:
    """Every word of every segment, in order, cut where its script allows a break."""
    held: SubtitleToken | None = None
    count = 0
    for segment in in_order(segments):
        opens = True
        for word, spaced in spaced_words(segment):
            for part in _parts(word):
                token = replace(part, spaced=spaced or opens, word=count, opens=opens)
                if token.opens and held is not None and breakable(held.text, token.text):
                    token = replace(token, spaced=False)
                if held is None:
                    held = token
                elif token.spaced or breakable(held.text, token.text):
                    yield held
                    held = token
                else:
                    held = replace(held, text=held.text + token.text, end=token.end)
                spaced, opens = False, False
            count += 1
    if held is not None:
        yield held


def spaced_words(segment: Segment) -> Iterator[tuple[Word, bool]]:
    """Each word, and whether the segment's text has a space before it."""
    if not segment.words:
        for piece in _split(*words_of(segment)):
            yield piece, True
        return
    at = 0
    before = ""
    for word in segment.words:
        for piece in _split(word):
            text = piece.text
            found = segment.text.find(text, at)
            between = segment.text[at:found]
            if found >= 0 and not between.strip():
                spaced = bool(between)
                at = found + len(text)
            else:
                spaced = not breakable(before, text)
            yield piece, spaced
            before = text


def _split(word: Word) -> list[Word]:
    texts = clean(word.text).split(" ")
    return _divided(word, [text for text in texts if text])


def _parts(word: Word) -> list[SubtitleToken]:
    return [
        SubtitleToken(part.text, part.start, part.end, False, 0)
        for part in _divided(word, units(word.text))
    ]


def _divided(word: Word, texts: list[str]) -> list[Word]:
    """`word` cut into `texts`; its time is divided by their widths, each with a space after it."""
    if len(texts) == 1:
        return [replace(word, text=texts[0])]
    weights = [width(text) + 1 for text in texts]
    total = sum(weights)
    cut: list[Word] = []
    passed = 0
    for text, weight in zip(texts, weights, strict=True):
        start = word.start + (word.end - word.start) * passed / total
        passed += weight
        end = word.start + (word.end - word.start) * passed / total
        cut.append(replace(word, text=text, start=start, end=end))
    return cut
