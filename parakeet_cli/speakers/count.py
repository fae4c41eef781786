"""How many speakers there may be, as `--speakers [N|N-M]` says."""

from __future__ import annotations

import re
from dataclasses import dataclass

AUTO = "auto"  # any number
CAM = "cam++"  # the embedded model; the others have names in the table of models
MOST = 99  # more than any recording that this can tell apart

PATTERN = "^(auto|0*[1-9][0-9]?(-0*[1-9][0-9]?)?)$"  # the smaller number first
_COUNT = re.compile(r"0*([1-9][0-9]?)(?:-0*([1-9][0-9]?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """At least so many and, unless `most` is None, at most so many."""

    least: int = 1
    most: int | None = None

    @classmethod
    def parse(cls, text: str) -> SpeakerCount:
        """`auto`, `N` or `N-M`. Raises ValueError, whose text follows the name of the value."""
        if text == AUTO:
            return cls()
        found = _COUNT.fullmatch(text)
        if found is None:
            raise ValueError(f"must be a number from 1 to {MOST}, a range like 2-5, or {AUTO}")
        least = int(found[1])
        most = int(found[2] or found[1])
        if most < least:
            raise ValueError(f"must be a range that begins with the smaller number, {most}-{least}")
        return cls(least, most)
