"""Divides a given text, and what was recognised, into words that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.errors import UsageError
from parakeet_cli.formats.subtitles.text_width import clean, unspaced
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.transcript import Segment, Word, bare_letters, words_of

_HINT = "It is a text file in UTF-8, with what is said in the recording."


@dataclass(frozen=True, slots=True)
class GivenText:
    """A text that is to be put on the clock. `name` is that of its file."""

    name: str
    text: str

    @property
    def words(self) -> tuple[str, ...]:
        """Its words in order, as they are written."""
        return tuple(word.text for word in given_words(self.text))


@dataclass(frozen=True, slots=True)
class GivenWord:
    """A word of the text as it is written, with the punctuation around it.

    `bare` are its letters alone, `line` is the number of its line from 0, and `spaced` says
    whether a space comes before it.
    """

    text: str
    bare: str
    line: int
    spaced: bool = True


def read_text(path: str) -> GivenText:
    """The text of a file in UTF-8. Raises UsageError if there is none."""
    try:
        text = read_regular(Path(path).expanduser()).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"--align {path}: it can't be read: {error.strerror}.", hint=_HINT
        ) from error
    except UnicodeDecodeError:
        raise UsageError(f"--align {path}: it isn't text in UTF-8.", hint=_HINT) from None
    if not any(given_words(text)):
        raise UsageError(f"--align {path}: there is no word in it.", hint=_HINT)
    return GivenText(Path(path).name, text)


def given_words(text: str) -> Iterator[GivenWord]:
    """The words of a text in order. Punctuation that stands alone belongs to the word before it."""
    for number, line in enumerate(text.splitlines()):
        opening, held = "", None
        for piece, spaced in _pieces(clean(line)):
            bare = bare_letters(piece)
            if bare:
                if held is not None:
                    yield held
                held = GivenWord(opening + piece, bare, number, spaced)
                opening = ""
            elif held is not None:
                held = replace(held, text=f"{held.text}{' ' if spaced else ''}{piece}")
            else:
                opening += f"{piece} "
        if held is not None:
            yield held


def recognised_words(segments: Iterable[Segment]) -> Iterator[Word]:
    """The words that were recognised, without punctuation alone; unspaced scripts by letters."""
    for segment in segments:
        for word in words_of(segment, split=True):
            parts = [piece for piece, _ in _pieces(clean(word.text)) if bare_letters(piece)]
            seconds = (word.end - word.start) / max(1, len(parts))
            for number, part in enumerate(parts):
                start = word.start + number * seconds
                yield replace(word, text=part, start=start, end=start + seconds)


def _pieces(line: str) -> Iterator[tuple[str, bool]]:
    """What spaces separate, and each letter of scripts without spaces; whether a space precedes."""
    for chunk in line.split():
        spaced, piece = True, ""
        for char in chunk:
            if unspaced(char):
                if piece:
                    yield piece, spaced
                    spaced = False
                yield char, spaced
                spaced, piece = False, ""
            else:
                piece += char
        if piece:
            yield piece, spaced
