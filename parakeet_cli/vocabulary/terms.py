"""Reads the words to expect, from config.json, from a file and from `--hotwords`.

An entry is a term as it is to be written, or `heard => written` where it is recognised as
something else. A file has an entry in each line; lines that begin with `#` are comments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.errors import ConfigError
from parakeet_cli.system.regular_files import read_regular

ARROW = "=>"
_COMMENT = "#"
_LONGEST = 200  # characters of an entry: what is longer is no term, but perhaps another file
_LARGEST_FILE = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Term:
    """A name or a term. `heard` is what is recognised where `written` is to be written."""

    written: str
    heard: str

    @classmethod
    def parse(cls, entry: str) -> Term:
        """The term of an entry. Raises ValueError."""
        if len(entry) > _LONGEST:
            raise ValueError(f"has more than {_LONGEST} characters")
        heard, arrow, written = (" ".join(part.split()) for part in entry.partition(ARROW))
        if not arrow:
            written = heard
        if not heard or not written or ARROW in written:
            raise ValueError(f"must be a term, or 'heard {ARROW} written'")
        return cls(written, heard)


def parse_terms(entries: Iterable[str]) -> tuple[Term, ...]:
    """The terms of entries that were checked when they were read."""
    return tuple(Term.parse(entry) for entry in entries)


def phrases(entries: Iterable[str]) -> tuple[str, ...]:
    """What a decoder should expect: each term as it is heard and as it is written, once."""
    terms = parse_terms(entries)
    return tuple(dict.fromkeys(phrase for term in terms for phrase in (term.heard, term.written)))


def check_entries(entries: Iterable[str]) -> tuple[str, ...]:
    """The entries. Raises ValueError for one that isn't a term."""
    checked = tuple(entries)
    for entry in checked:
        try:
            Term.parse(entry)
        except ValueError as error:
            raise ValueError(f"has an entry that {error}: {entry[:_LONGEST]!r}") from None
    return checked


def split_hotwords(text: str) -> tuple[str, ...]:
    """The entries of a list with commas, `PyTorch, New York`. Raises ValueError."""
    return check_entries(part.strip() for part in text.split(",") if part.strip())


def read_vocabulary(path: str) -> tuple[str, ...]:
    """The entries of a file. Raises ConfigError, which names the file and the line."""
    file = Path(path).expanduser()
    try:
        content = read_regular(file, _LARGEST_FILE)
    except OSError as error:
        raise ConfigError(
            f"The vocabulary {path} can't be read: {error.strerror or error}.",
            hint="It is a text file with a term in each line; --hotwords takes a few of them.",
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The vocabulary {path} isn't UTF-8: {error.reason}.",
            hint="Save it as a UTF-8 text file, with a term in each line.",
        ) from None
    entries: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith(_COMMENT):
            continue
        try:
            Term.parse(entry)
            if not entry.replace("\t", " ").isprintable():
                raise ValueError("has characters that can't be printed")
        except ValueError as error:
            raise ConfigError(f"The vocabulary {path}, line {number}: it {error}.") from None
        entries[entry] = None
    return tuple(entries)
