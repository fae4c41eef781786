"""An engine without a model: for tests, for trying things out, for measuring the rest."""

from __future__ import annotations

import math
import os
import time
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

from parakeet_cli import __version__
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, EngineOptions
from parakeet_cli.errors import ConfigError
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.transcript import EngineInfo, Segment, Word, words_of

_MAX_CHUNK_SECONDS = 30.0  # as in the Whisper family
_SWITCH = {"": False, "0": False, "1": True}


class Mock:
    """Returns the text of `clip.txt` for `clip.wav` beside it, else a sentence with its length.

    The words are spread evenly over the source. `PARAKEET_MOCK_RTF` is the share of the
    audio's length that it takes: 0.1 makes a minute cost six seconds, and 0 nothing. With
    `PARAKEET_MOCK_VAD=1` it is given the speech alone, cut in pauses, as other engines are.

    With `clip.cues.tsv` beside it (lines of start, end and word, in seconds; else the file
    that `PARAKEET_MOCK_CUES` names, for a microphone) each chunk's result is the words whose
    middle is in it, as from an engine that makes no mistakes.
    """

    max_chunk_seconds = _MAX_CHUNK_SECONDS
    invents_in_silence = False
    max_inflight_seconds = math.inf  # `concurrency` bounds it

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        self.info = EngineInfo("mock", "mock", "cpu", __version__)
        self.concurrency = min(concurrency, options.cores)
        self._language = options.language
        self._real_time_factor = _real_time_factor()
        self.needs_all_audio = not _uses_detector()
        self._read: tuple[str, tuple[Word, ...] | None] | None = None  # a source and its cues

    def load(self) -> None:
        """Nothing to load."""

    def adjusted(self, options: EngineOptions) -> Mock:
        return Mock(options, concurrency=self.concurrency)

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        if self._real_time_factor:
            time.sleep(chunk.duration * self._real_time_factor)
        if (cues := self._cues(chunk.source)) is not None:
            return ChunkResult(_words_within(cues, chunk.start, chunk.end), self._language)
        if not chunk.last:
            return ChunkResult((), self._language)
        text = _text_beside(chunk.source)
        if text is None:
            text = f"This is a mock transcript of {chunk.end:.2f} seconds of audio."
        return ChunkResult(_spread_evenly(text, chunk.end), self._language)

    def _cues(self, source: str) -> tuple[Word, ...] | None:
        if self._read is None or self._read[0] != source:
            self._read = (source, _read_cues(source))
        return self._read[1]

    def close(self) -> None:
        """Nothing to free."""


def _real_time_factor() -> float:
    text = os.environ.get("PARAKEET_MOCK_RTF", "0")
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < 1e6:
        raise ConfigError(
            f"PARAKEET_MOCK_RTF is '{text}', which isn't a share of the audio's length.",
            hint="Set it to a number such as 0.1, or unset it.",
        )
    return factor


def _uses_detector() -> bool:
    text = os.environ.get("PARAKEET_MOCK_VAD", "")
    if text not in _SWITCH:
        raise ConfigError(
            f"PARAKEET_MOCK_VAD is '{text}', which is neither 1 nor 0.",
            hint="1 sends the mock's audio through the speech detector.",
        )
    return _SWITCH[text]


def _text_beside(source: str) -> str | None:
    path = _beside(source, ".txt")
    try:
        return read_regular(path).decode("utf-8", "replace") if path else None
    except OSError:  # there is a file, but it can't be read
        return None


def _beside(source: str, suffix: str) -> Path | None:
    """The file with that suffix beside the source, if there is one."""
    try:
        path = Path(source).with_suffix(suffix)
        return path if path.is_file() else None
    except (OSError, ValueError):  # a source may have any name
        return None


def _read_cues(source: str) -> tuple[Word, ...] | None:
    """The words of a source with their times, in order; None without a file of cues."""
    named = os.environ.get("PARAKEET_MOCK_CUES")
    path = _beside(source, ".cues.tsv") or (Path(named) if named else None)
    if path is None:
        return None
    words = []
    try:
        for line in read_regular(path).decode("utf-8").splitlines():
            start, end, word = line.split("\t")
            words.append(Word(float(start), float(end), word, confidence=1.0))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The cues {path} can't be read: {error}.",
            hint="Each line must be a start, an end and a word, separated by tabs.",
        ) from error
    return tuple(words)


def _words_within(cues: tuple[Word, ...], start: float, end: float) -> tuple[Segment, ...]:
    first = bisect_left(cues, start, key=_middle)
    words = cues[first : bisect_left(cues, end, key=_middle)]
    if not words:
        return ()
    text = " ".join(word.text for word in words)
    return (Segment(words[0].start, words[-1].end, text, words, confidence=1.0),)


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _spread_evenly(text: str, duration: float) -> tuple[Segment, ...]:
    texts = text.split()
    if not texts:
        return ()
    segment = Segment(0.0, duration, " ".join(texts), confidence=1.0)
    return (replace(segment, words=words_of(segment, split=True)),)
