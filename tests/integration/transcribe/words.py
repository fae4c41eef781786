"""Word error rate, on words as two people would write them alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPELLINGS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "okay": "ok"}
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spoken(text: str) -> list[str]:
    """Lower case, no punctuation, numbers in words: `Mr. Dashwood, 35` as it is spoken."""
    found = re.findall(r"[a-z']+|\d+", re.sub(r"[-\N{EN DASH}]", " ", text.lower()))
    words: list[str] = []
    for word in found:
        bare = word.replace("'", "")
        words += _number(int(word)) if word.isdigit() else [_SPELLINGS.get(bare, bare)]
    return [word for word in words if word]


def _number(value: int) -> list[str]:
    if value < 20:
        return [_SMALL[value]]
    if value < 100:
        tens, rest = divmod(value, 10)
        return [_TENS[tens - 2], *([_SMALL[rest]] if rest else [])]
    return [_SMALL[int(digit)] for digit in str(value)]


def errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Substitutions, insertions and deletions: the edit distance in words."""
    row = list(range(len(hypothesis) + 1))
    for at, word in enumerate(reference, start=1):
        before, row[0] = row[0], at
        for column, other in enumerate(hypothesis, start=1):
            change = before + (word != other)
            before = row[column]
            row[column] = min(change, row[column] + 1, row[column - 1] + 1)
    return row[-1]
