"""Holds the audio of a page: its waveform, and how it includes the recording."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

EMBED_AT_MOST = 20 * 1024 * 1024  # bytes; a larger recording is linked, to keep pages small

# The types that browsers can play, by suffix. Other recordings get a link to open them.
MIME_TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".m4v": "audio/mp4",
    ".mov": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
    ".mkv": "audio/webm",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Loudness (root mean square, 0..1) of intervals of `seconds` each, from the start on."""

    seconds: float
    loudness: tuple[float, ...]

    def bars(self, count: int, duration: float) -> list[float]:
        """`count` heights in 0..1, relative to the loudest, over `duration` seconds."""
        heights = [0.0] * count
        if duration > 0:
            per_bar = duration / count
            for index in range(count):
                first = int(index * per_bar / self.seconds)
                until = max(first + 1, int((index + 1) * per_bar / self.seconds))
                part = self.loudness[first:until]
                if part:
                    heights[index] = (sum(x * x for x in part) / len(part)) ** 0.5
        loudest = max(heights, default=0.0)
        return [height / loudest for height in heights] if loudest > 0 else heights


@dataclass(frozen=True, slots=True)
class Sound:
    """The waveform, and the recording: embedded, linked, or left out (standard input).

    `embed` is a file whose bytes go into the page; `link` is a URL relative to the page.
    `mime` is None if no browser is known to play the recording.
    """

    envelope: Envelope | None = None
    embed: Path | None = None
    link: str | None = None
    mime: str | None = None


def sound_of(
    recording: Path | None, page: Path, envelope: Envelope | None, *, link_audio: bool = False
) -> Sound:
    """How the page at `page` includes its recording: embedded up to 20 MiB, else linked.

    `recording` is None if it isn't a file. With `link_audio` it is always linked.
    """
    if recording is None or not recording.is_file():
        return Sound(envelope)
    mime = MIME_TYPES.get(recording.suffix.lower())
    if mime and not link_audio and recording.stat().st_size <= EMBED_AT_MOST:
        return Sound(envelope, embed=recording, mime=mime)
    relative = os.path.relpath(recording.absolute(), page.absolute().parent)
    return Sound(envelope, link=quote(os.fsencode(relative)), mime=mime)
