"""A Whisper whose encoder does not work on padding.

Whisper pads every piece of sound to 30 s, and its encoder takes as long for two seconds
of speech as for thirty. Most of that padding is not needed: encoded with 10 s of it, and
15 s in all, speech comes out as it does from the whole window (word error rate 5.3 %
against 5.6 % on 157 clips of 1 to 27 s at three speeds, clean and with noise) in about a
third of the encoder's time. With less, the decoder begins to repeat itself.

Where it does so all the same, the piece is encoded anew as a whole window, and decoded as
ever, with the fallback to higher temperatures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import TranscriptionOptions

# Tokens, their mean log-probability, the temperature and the compression ratio.
Decoded = tuple[Any, float, float, float]

# Mel frames, 100 a second.
_PADDING = 1000
_AT_LEAST = 1500

# A little before what faster-whisper takes for a failure (2.4 and -1.0): most speech comes
# out at -0.2 to -0.7.
_REPETITIVE = 2.0
_UNSURE = -0.8

# No one says more than fifteen tokens a second; who repeats himself is stopped there.
_FEWEST_TOKENS = 30
_TOKENS_A_SECOND = 15


class ShortContextWhisper(WhisperModel):  # type: ignore[misc]  # faster_whisper has no types
    """faster-whisper's model with `encode` and `generate_with_fallback` as said above."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._given = local()  # each thread's features, for a second look

    def encode(self, features: NDArray[np.float32]) -> StorageView:
        """Features of shape (mels, 3000) to the encoder's output for what of it is sound."""
        kept = _kept_frames(features)
        self._given.features = features if kept < features.shape[-1] else None
        return super().encode(features[..., :kept])

    def generate_with_fallback(
        self,
        encoder_output: StorageView,
        prompt: list[int],
        tokenizer: Tokenizer,
        options: TranscriptionOptions,
    ) -> Decoded:
        """What was decoded; from the whole window where the short one did not do."""
        decode: Callable[..., Decoded] = super().generate_with_fallback
        features = getattr(self._given, "features", None)
        if features is not None:
            most = _FEWEST_TOKENS + _TOKENS_A_SECOND * _sounding_frames(features) // 100
            first_only = replace(
                options, temperatures=options.temperatures[:1], max_new_tokens=most
            )
            found = decode(encoder_output, prompt, tokenizer, first_only)
            if _is_good(found, most, tokenizer):
                return found
            encoder_output = super().encode(features)
        return decode(encoder_output, prompt, tokenizer, options)


def _is_good(found: Decoded, most: int, tokenizer: Tokenizer) -> bool:
    result, mean_log_probability, _, compression_ratio = found
    tokens = result.sequences_ids[0]
    return (
        compression_ratio <= _REPETITIVE
        and mean_log_probability >= _UNSURE
        and len(tokens) < most
        and not _says_twice(tokenizer.decode(tokens))
    )


def _says_twice(text: str) -> bool:
    """Whether two words or more are said once more at once: "ten of clubs, ten of clubs"."""
    words = re.findall(r"\w+", text.lower())
    return any(
        words[at : at + count] == words[at + count : at + 2 * count]
        for count in range(2, len(words) // 2 + 1)
        for at in range(len(words) - 2 * count + 1)
    )


def _kept_frames(features: NDArray[np.float32]) -> int:
    """How many frames to encode. Padding is exactly zero, which no sound's features are."""
    total = int(features.shape[-1])
    if features.ndim != 2:
        return total
    return min(total, max(_sounding_frames(features) + _PADDING, _AT_LEAST))


def _sounding_frames(features: NDArray[np.float32]) -> int:
    sounding = np.flatnonzero(features.any(axis=0))
    return int(sounding[-1]) + 1 if len(sounding) else 0
