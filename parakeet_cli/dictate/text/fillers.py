"""Drops filler words ("um", "uh"), and closes the gaps that dropped words leave."""

from __future__ import annotations

import re

# Sounds of hesitation, as engines write them. Words that also mean something stay: "er" is one in
# German, "eh" and "ah" are interjections, "um" is a word in German and Portuguese.
_COMMON = ("uh", "uhm", "umm", "uhh", "erm", "hmm", "hm", "mhm", "mm", "mmm")
_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": ("um", "er", "uh-huh"),
    "de": ("äh", "ähm", "öh", "öhm"),
    "fr": ("euh", "heu"),
    "es": ("eh", "em"),
    "it": ("ehm",),
    "nl": ("eh", "ehm"),
    "pt": ("hã", "ahn"),
}


GAP = "\0"  # where words were dropped


def drop_fillers(text: str, language: str | None) -> str:
    """The text without fillers, and without the commas that set them off."""
    known = (*_COMMON, *_BY_LANGUAGE.get((language or "en").partition("-")[0], ()))
    words = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    found = re.compile(rf"(?<![\w'’-])(?:{words})(?![\w'’-])(?:\s*(?:\.{{3}}|…))?", re.IGNORECASE)
    return close_gaps(text, found.sub(GAP, text))


def close_gaps(before: str, text: str) -> str:
    """A text in which NUL stands for words that were dropped, without what is left around them.

    Of the marks around a gap the stronger one stays, or none at the beginning, and a sentence
    begins with a capital if it did `before`.
    """
    if GAP not in text:
        return text
    text = re.sub(r"(?:\s*\0)+\s*", GAP, text)
    text = re.sub(r"([,;:]?)\0([,;:.!?…]*)", _joined, text)
    text = re.sub(r" {2,}", " ", text).strip()
    text = re.sub(r"^[,;:.!?…]+\s*", "", text)
    if before.strip()[:1].isupper():
        text = text[:1].upper() + text[1:]
    return re.sub(r"((?<!\.)[.!?]\s+)([a-zà-ž])", lambda found: found[1] + found[2].upper(), text)


def _joined(found: re.Match[str]) -> str:
    """What stands in a gap's place: one mark and a space."""
    left, right = found[1], found[2]
    whole, end = found.string, found.end()
    mark = right[:1] if right[:1] and right[0] in ".!?…" else ""
    if not mark and left and right:
        mark = "" if left == right == "," else left
    elif not mark and (left or right):
        start = whole[: found.start()].rstrip()
        alone = not start or start[-1] in ".!?…"
        mark = "" if alone or not left else left
    return mark + (" " if end < len(whole) else "")
