"""Times as people and players read them."""

from __future__ import annotations


def timestamp(milliseconds: int, point: str) -> str:
    """`HH:MM:SS` and milliseconds after `point`; hours always, and more than two if need be."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"


def spoken_time(seconds: float) -> str:
    """`M:SS`, or `H:MM:SS` from an hour on."""
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"
