"""The user's own words: replacements, vocabulary, numbers in digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from parakeet_cli.errors import UsageError

_LONGEST_TERM = 4  # words that a model may take one term for: "pie torch lightning"
# Letters of a term, and how many of them may be wrong: short words are too much alike.
_ONE_WRONG = 6
_TWO_WRONG = 10

Change = Callable[[str], str]


def make_wording(
    replacements: Mapping[str, str],
    vocabulary: Sequence[str],
    *,
    digits: bool,
    language: str | None,
) -> Change:
    """One change for all of them; raises UsageError where --digits can't be had."""
    changes: list[Change] = []
    if digits:
        changes.append(_digits(language or "en"))
    if vocabulary:
        changes.append(lambda text: spelled(text, vocabulary))
    if replacements:
        changes.append(lambda text: replaced(text, replacements))

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Each phrase as it is to be written; whole words, in any case, the longest first."""
    known = {_key(said): written for said, written in replacements.items()}
    said = sorted(known, key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in said)
    return re.sub(
        rf"(?<!\w)(?:{pattern})(?!\w)",
        lambda found: known[_key(found[0])],
        text,
        flags=re.IGNORECASE,
    )


def _key(phrase: str) -> str:
    return " ".join(phrase.casefold().split())


def spelled(text: str, vocabulary: Sequence[str]) -> str:
    """Each term of the vocabulary spelled as it is there, where it was nearly heard.

    Case, spaces and hyphens do not count; in a term of six letters one may be wrong, in
    one of ten two.
    """
    terms = {_letters(term): term for term in vocabulary}
    words = re.split(r"(\s+)", text)
    at = 0
    while at < len(words):
        for count in range(min(_LONGEST_TERM, (len(words) - at + 1) // 2), 0, -1):
            piece = "".join(words[at : at + 2 * count - 1])
            core = piece.strip(".,;:!?…\"'()[]")
            term = _nearest(_letters(core), terms) if core else None
            if term is not None:
                words[at : at + 2 * count - 1] = [piece.replace(core, term, 1)]
                break
        at += 2
    return "".join(words)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _nearest(letters: str, terms: Mapping[str, str]) -> str | None:
    if letters in terms:
        return terms[letters]
    for known, term in terms.items():
        wrong = 2 if len(known) >= _TWO_WRONG else 1 if len(known) >= _ONE_WRONG else 0
        if wrong and letters[:1] == known[:1] and _distance(letters, known, wrong) <= wrong:
            return term
    return None


def _distance(a: str, b: str, most: int) -> int:
    """Levenshtein's, as far as it matters."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def _digits(language: str) -> Change:
    try:
        from text_to_num import alpha2digit
    except ImportError:
        raise UsageError(
            "--digits needs the package text2num, which is not installed.",
            hint="pip install 'parakeet-cli[digits]'",
        ) from None
    try:
        alpha2digit("", language)
    except ValueError:
        raise UsageError(
            f"--digits does not know the language '{language}'.",
            hint="It knows en, fr, es, pt, it, de, nl.",
        ) from None

    return lambda text: str(alpha2digit(text, language))
