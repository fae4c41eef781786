"""Notices speech that was transcribed as English, and probably isn't English.

An English-only model makes fluent English of anything. What it makes of another language it is
less sure of than of English, and where it is unsure, the multilingual base says which language
that is. Without base, only text of which the model is very unsure is doubted. What a multilingual
model itself took for English only because nothing was clear is doubted in the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.whisper.language import (
    ENGLISH,
    Probabilities,
    likeliest_spoken,
    most_likely,
)
from parakeet_cli.engines.whisper.model import base_or_none, multilingual_hint
from parakeet_cli.engines.whisper.repetition import repeats_itself
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.transcript import Doubt, Segment

if TYPE_CHECKING:
    from parakeet_cli.engines.whisper.encoder import ShortContextWhisper

log = logging.getLogger(__name__)

# Means of the words' probabilities. English text by tiny.en, 155 clips and cuts of 2 to 15 s, had
# 0.40 and more, nine tenths of it 0.72 and more; that of 80 clips in other languages 0.71 and less.
_SURE = 0.75
_UNSURE = 0.5
_VERY_UNSURE = 0.3
_HARDLY_ENGLISH = 0.25  # base's probability of English at which unsure text is doubted


class ForeignSpeech:
    """Judges what an English-only model made of chunks; may be used by many threads."""

    def __init__(self, model: str, *, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._lock = Lock()
        self._detector: ShortContextWhisper | None = None
        self._looked = False

    def doubts(self, chunk: Chunk, segments: Sequence[Segment]) -> tuple[Doubt, ...]:
        """The doubt about a chunk with its samples, if any, from what the model made of it."""
        certainty = credible_certainty(segments)
        if certainty is not None and certainty >= _SURE:
            return ()
        found = self._probabilities(chunk)
        if found is not None:
            language = foreign_language(found, certainty)
            perhaps = f", perhaps {language}"
        else:
            certainty = mean_certainty(segments)
            language = "" if certainty is not None and certainty < _VERY_UNSURE else None
            perhaps = ""
        if language is None:
            return ()
        remedy = multilingual_hint().rstrip(".")
        return (_doubt(chunk, f"{perhaps}, and {self._model} knows English only ({remedy})"),)

    def _probabilities(self, chunk: Chunk) -> Probabilities | None:
        """How likely each language is; None without a multilingual model."""
        with self._lock:
            if not self._looked:
                self._looked = True
                self._detector = _load_detector(self._threads)
        if self._detector is None:
            return None
        return self._detector.language_probabilities(chunk.samples)


def _load_detector(threads: int) -> ShortContextWhisper | None:
    found = base_or_none()
    if found is None:
        return None
    from parakeet_cli.engines.whisper.encoder import open_model

    try:
        return open_model(
            found.prepare(), device="cpu", device_index=0, compute_type="int8", cpu_threads=threads
        )
    except (EngineUnavailable, RuntimeError, ValueError, OSError) as error:
        log.info("The language is not detected: %s", error)
        return None


def multilingual_doubts(
    chunk: Chunk, found: Probabilities, segments: Sequence[Segment]
) -> tuple[Doubt, ...]:
    """The doubt about a chunk that a multilingual model took for English."""
    language = foreign_language(found, credible_certainty(segments))
    if language is None:
        return ()
    return (_doubt(chunk, f", perhaps {language} (--language {language} says so)"),)


def credible_certainty(segments: Sequence[Segment]) -> float | None:
    """`mean_certainty`, but None for a text that repeats itself.

    A decoder is sure of what it repeats, whatever was said.
    """
    if repeats_itself(" ".join(segment.text for segment in segments)):
        return None
    return mean_certainty(segments)


def mean_certainty(segments: Sequence[Segment]) -> float | None:
    """The mean of the words' probabilities, or of the segments' own; None without any."""
    words = [word.confidence for segment in segments for word in segment.words]
    known = [one for one in words or [each.confidence for each in segments] if one is not None]
    return sum(known) / len(known) if known else None


def foreign_language(found: Probabilities, certainty: float | None) -> str | None:
    """The language that was probably spoken instead of English; None if it was English.

    `certainty` is how sure a model is of its English text, None where it has none.
    """
    language = likeliest_spoken(found)
    if language != ENGLISH:
        return language
    language = most_likely(found)
    unsure = certainty is None or certainty < _UNSURE
    doubtful = language != ENGLISH and unsure and found[ENGLISH] < _HARDLY_ENGLISH
    return language if doubtful else None


def _doubt(chunk: Chunk, more: str) -> Doubt:
    reason = f"it sounds like another language than English{more}"
    return Doubt("language", chunk.start, chunk.end, reason)
