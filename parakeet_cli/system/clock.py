"""Writes times the way that people read them."""

from __future__ import annotations


def clock_time(seconds: float) -> str:
    """`M:SS`, or `H:MM:SS` from an hour on; what is left of a second is cut off."""
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"
