"""Which words of a growing hypothesis are likely to stay.

LocalAgreement-2: what two hypotheses in a row begin with, word by word (Macháček and
others, "Turning Whisper into Real-Time Transcription System", 2023).
"""

from __future__ import annotations

import unicodedata


class LocalAgreement:
    """Feed it each hypothesis of one utterance; what was agreed on never shrinks."""

    def __init__(self) -> None:
        self._last: list[str] = []
        self._agreed = 0

    def feed(self, hypothesis: str) -> tuple[str, str]:
        """The words that two in a row agree on, and the rest of this one."""
        words = hypothesis.split()
        alike = 0
        for before, now in zip(self._last, words, strict=False):
            if _letters(before) != _letters(now):
                break
            alike += 1
        self._agreed = min(max(self._agreed, alike), len(words))
        self._last = words
        return " ".join(words[: self._agreed]), " ".join(words[self._agreed :])


def _letters(word: str) -> str:
    """Without case and punctuation, which change with what follows."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(char for char in folded if char.isalnum()) or folded
