"""Collects what is doubtful about a recording's sound, while its parts are joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from parakeet_cli.audio.samples import Span
from parakeet_cli.transcript import Doubt, DoubtKind

JOINED_SECONDS = 5.0  # between two stretches of the same kind, which become one


class SoundDoubts:
    """The doubts about one recording, in its order."""

    def __init__(self) -> None:
        self._doubts: list[Doubt] = []
        self._last: dict[str, int] = {}  # by the reason, the number of its last doubt

    def add(self, reason: str, start: float, end: float, kind: DoubtKind = "channels") -> None:
        """Add a stretch, unless the reason is empty; one that continues another extends it."""
        if not reason:
            return
        number = self._last.get(reason)
        if number is not None and start - self._doubts[number].end < JOINED_SECONDS:
            self._doubts[number] = replace(self._doubts[number], end=end)
            return
        self._last[reason] = len(self._doubts)
        self._doubts.append(Doubt(kind, start, end, reason))

    def add_silent(self, channels: Sequence[int], start: float, end: float) -> None:
        """Add the channels without any sound of a recording in which one other has some."""
        if channels:
            many = len(channels) > 1
            which = f"channel{'s' * many} {', '.join(map(str, channels))}"
            self.add(f"{which} {'are' if many else 'is'} silent, only one has sound", start, end)

    def within(self, span: Span) -> tuple[Doubt, ...]:
        """The doubts about a part of the recording, cut to it."""
        stop = math.inf if span.end is None else span.end
        cut = [
            replace(
                one, start=round(max(one.start, span.start), 6), end=round(min(one.end, stop), 6)
            )
            for one in self._doubts
        ]
        return tuple(one for one in cut if one.start < one.end)
