"""Writes the user's own words: replacements, vocabulary, numbers in digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from parakeet_cli.dictate.text.fillers import GAP, close_gaps, drop_fillers
from parakeet_cli.errors import UsageError
from parakeet_cli.system.install_command import install_command
from parakeet_cli.vocabulary.spelling import make_speller

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
        changes.append(make_speller(tuple(vocabulary), corrects=True).text)
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
