"""Writes times the way that players read them."""

from __future__ import annotations


def timestamp(milliseconds: int, point: str) -> str:
    """`HH:MM:SS` and milliseconds after `point`; always with hours, in two digits or more."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"
