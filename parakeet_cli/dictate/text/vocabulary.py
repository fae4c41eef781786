"""Writes the user's own words: replacements, vocabulary, numbers in digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from parakeet_cli.dictate.text.fillers import GAP, close_gaps, drop_fillers
from parakeet_cli.errors import UsageError
from parakeet_cli.system.install_command import install_command

_MAX_TERM_WORDS = 4  # that a model may write for one term: "pie torch lightning"
# Letters that a term must have for one or two of them to be wrong: short words are too alike.
_ONE_WRONG = 6
_TWO_WRONG = 10
_FIRST_WRONG = 8  # where it may be a first letter that sounds otherwise: bright is not Wright
_SOUNDS = ("ckq", "sczx", "fvp", "gj", "iye", "bp", "dt", "vw", "jy", "mn", "ou", "ao")

TextChange = Callable[[str], str]


def make_text_change(
    replacements: Mapping[str, str],
    vocabulary: Sequence[str],
    *,
    digits: bool,
    language: str | None,
    fillers: bool = True,
) -> TextChange:
    """One change that makes all of them. Raises UsageError if --digits isn't possible here.

    Without `fillers`, words like "um" are dropped first.
    """
    changes: list[TextChange] = []
    if not fillers:
        changes.append(lambda text: drop_fillers(text, language))
    if digits:
        changes.append(_digits_change(language or "en"))
    if vocabulary:
        changes.append(lambda text: spell_terms(text, vocabulary))
    if replacements:
        changes.append(lambda text: replace_phrases(text, replacements))

    def change_all(text: str) -> str:
        for change in changes:
            text = change(text)
        return text

    return change_all


def replace_phrases(text: str, replacements: Mapping[str, str]) -> str:
    """Replace each phrase by what to write for it: whole words, any case, the longest first.

    One that is replaced by nothing leaves no gap.
    """
    known = {_key(phrase): written or GAP for phrase, written in replacements.items()}
    phrases = sorted(known, key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    replaced = re.sub(
        rf"(?<!\w)(?:{pattern})(?!\w)",
        lambda found: known[_key(found[0])],
        text,
        flags=re.IGNORECASE,
    )
    return close_gaps(text, replaced)


def _key(phrase: str) -> str:
    return " ".join(phrase.casefold().split())


def spell_terms(text: str, vocabulary: Sequence[str]) -> str:
    """Spell each term as the vocabulary does, where the text nearly has it.

    Case, spaces and hyphens don't count. One letter may be wrong in a term of six or more, two
    in a term of ten or more. The first letter may be one of them if it sounds alike, or if it is
    the only one and the term has eight letters.
    """
    terms = {_letters(term): term for term in vocabulary}
    words = re.split(r"(\s+)", text)
    at = 0
    while at < len(words):
        for count in range(min(_MAX_TERM_WORDS, (len(words) - at + 1) // 2), 0, -1):
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
        if not letters or not wrong:
            continue
        if letters[0] != known[0] and not _sound_alike(letters[0], known[0]):
            wrong = 1 if len(known) >= _FIRST_WRONG and letters[1:] == known[1:] else 0
        if wrong and _distance(letters, known, wrong) <= wrong:
            return term
    return None


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


def _digits_change(language: str) -> TextChange:
    try:
        from text_to_num import alpha2digit
    except ImportError:
        raise UsageError(
            "--digits needs the package text2num, which is not installed.",
            hint=install_command("text2num"),
        ) from None
    try:
        alpha2digit("", language)
    except ValueError:
        raise UsageError(
            f"--digits does not know the language '{language}'.",
            hint="It knows en, fr, es, pt, it, de, nl.",
        ) from None

    return lambda text: str(alpha2digit(text, language))
