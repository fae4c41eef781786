"""An engine that needs no model: for CI, for trying things out, for measuring the rest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from parakeet_cli import __version__
from parakeet_cli.audio.chunks import Chunk
from parakeet_cli.engines.base import EngineOptions, Heard
from parakeet_cli.errors import ConfigError
from parakeet_cli.transcript import EngineInfo, Segment, Word

_WINDOW = 30.0  # seconds, as the Whisper family's


class Mock:
    """For `clip.wav` the text of `clip.txt` beside it, else a sentence with its length.

    The words are spread evenly over the source. `PARAKEET_MOCK_RTF` is the share of the
    audio's length that it takes: 0.1 makes a minute cost six seconds.
    """

    window = _WINDOW
    hears_silence = True

    def __init__(self, options: EngineOptions, *, lanes: int) -> None:
        self.info = EngineInfo("mock", "mock", "cpu", __version__)
        self.lanes = min(lanes, options.cores)
        self._language = options.language
        self._cost = _real_time_factor()

    def load(self) -> None:
        """There is nothing to load."""

    def transcribe(self, chunk: Chunk) -> Heard:
        if self._cost:
            time.sleep(chunk.duration * self._cost)
        if not chunk.last:
            return Heard((), self._language)
        text = _text_beside(chunk.source)
        if text is None:
            text = f"This is a mock transcript of {chunk.end:.2f} seconds of audio."
        return Heard(_spread(text.split(), chunk.end), self._language)

    def close(self) -> None:
        """There is nothing to free."""


def _real_time_factor() -> float:
    given = os.environ.get("PARAKEET_MOCK_RTF", "0")
    try:
        factor = float(given)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < 1e6:
        raise ConfigError(
            f"PARAKEET_MOCK_RTF is '{given}', which is no share of the audio's length.",
            hint="Set it to a number such as 0.1, or unset it.",
        )
    return factor


def _text_beside(source: str) -> str | None:
    if not Path(source).name:
        return None
    try:
        return Path(source).with_suffix(".txt").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # there is none that can be read
        return None


def _spread(words: list[str], duration: float) -> tuple[Segment, ...]:
    if not words:
        return ()
    each = duration / len(words)
    timed = tuple(
        Word(at * each, (at + 1) * each, word, confidence=1.0) for at, word in enumerate(words)
    )
    return (Segment(0.0, duration, " ".join(words), timed, confidence=1.0),)
