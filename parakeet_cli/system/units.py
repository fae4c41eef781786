"""Writes times and sizes the way that people read them."""

from __future__ import annotations

MB, GB = 1e6, 1e9  # bytes, as disks and downloads are counted; 2**20 bytes are a MiB


def clock_time(seconds: float) -> str:
    """`M:SS`, or `H:MM:SS` from an hour on; what is left of a second is cut off."""
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"


def bytes_in_words(count: float) -> str:
    """Bytes to three digits: `459 MB`, `2.51 GB`."""
    return f"{count / GB:.2f} GB" if count >= GB else f"{count / MB:.0f} MB"


def megabytes(count: float, figures: str = ".0f") -> str:
    """Bytes as `12 MB`; `figures` is the format of the number."""
    return f"{count / MB:{figures}} MB"
