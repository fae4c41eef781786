"""What happens in a dictation, as values: for --json, for the screen, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The events of the contract."""

    READY = "ready"  # sound comes
    SPEECH_START = "speech_start"
    PARTIAL = "partial"
    SPEECH_END = "speech_end"
    FINAL = "final"  # the text is where it was to go
    COMMAND = "command"
    GAP = "gap"
    ERROR = "error"
    RECOVERED = "recovered"  # a final of an earlier dictation


@dataclass(frozen=True, slots=True)
class Event:
    """One of them. `t` is seconds on the stream's clock, `wall` seconds since 1970.

    `speech_start` and `speech_end` are where in the stream speech begins and ends; all
    others are where the stream was when they happened.
    """

    kind: EventKind
    t: float
    wall: float
    text: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """One line of JSON."""
        content = {
            "event": self.kind,
            "t": round(self.t, 3),
            "wall": round(self.wall, 3),
            "text": self.text,
            **self.more,
        }
        return json.dumps(content, ensure_ascii=False) + "\n"
