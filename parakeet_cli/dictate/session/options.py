"""What a dictation is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DictationOptions:
    """Settled before anything starts; seconds are the stream's."""

    max_silence: float = 0.6  # RealtimeSTT's default
    duration: float | None = None  # end after this much of the stream
    partials: bool = True
    commands: bool = True
    digits: bool = False
    language: str | None = None
    replacements: Mapping[str, str] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    history_days: int = 30  # 0: no history is kept
    live: bool = True  # whether the stream is heard in real time
    recovering: bool = False
