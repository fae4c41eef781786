"""Speeds up Whisper by not encoding most of the padding.

Whisper pads every chunk to 30 s, and its encoder takes as long for two seconds of speech as
for thirty. Most of that padding is not needed: with 10 s of it, and 15 s in all, the text is as
good as from the whole window in about a third of the encoder's time (17,080 against 17,106 wrong
words in 2,208 cuts; bench/short_context.py, docs/benchmarks.md), if what is doubtful is decoded
with the whole window. With less padding, the decoder begins to repeat itself.

If it repeats itself nevertheless, the chunk is encoded again as a whole window and decoded in
the usual way, with the fallback to higher temperatures. Where that ends in a circle, too, the
temperatures that are left are tried; the engine then transcribes shorter parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from numpy.typing import NDArray

from parakeet_cli.engines.repetition import is_better, runs_in_circles
from parakeet_cli.engines.whisper.language import is_clear
from parakeet_cli.engines.whisper.repetition import repeats_itself

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import TranscriptionOptions

    from parakeet_cli.models.embedded import ModelFiles

# Tokens, their mean log-probability, the temperature and the compression ratio.
Decoded = tuple[Any, float, float, float]
Decoder = Callable[..., Decoded]

# Mel frames, 100 a second.
_PADDING = 1000
_MIN_FRAMES = 1500

# Stricter than faster-whisper's own limits for a failure (2.4 and -1.0): most speech is at -0.2
# to -0.7.
_MAX_COMPRESSION_RATIO = 2.0
_MIN_LOG_PROBABILITY = -0.8

# Nobody speaks more than fifteen tokens a second; a decoder that repeats itself stops there.
_MIN_TOKENS = 30
_TOKENS_PER_SECOND = 15


class ShortContextWhisper(WhisperModel):  # type: ignore[misc]  # faster_whisper has no types
    """faster-whisper's model, which encodes short chunks with less padding."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._thread = local()  # each thread's features, to encode them again, and their encoding

    def encode(self, features: NDArray[np.float32]) -> StorageView:
        """Encode features of shape (mels, 3000) without most of their padding."""
        count = _frames_to_encode(features)
        self._thread.features = features if count < features.shape[-1] else None
        encoded, output = getattr(self._thread, "encoded", (None, None))
        if encoded is None or not np.array_equal(encoded, features):
            output = super().encode(features[..., :count])
            self._thread.encoded = features, output
        return output

    def language_probabilities(self, samples: NDArray[np.float32]) -> dict[str, float]:
        """How likely each language is in up to 30 s of 16 kHz mono, shape (n,).

        Where none is clear, the whole window is encoded, too. The thread's next transcription of
        the same samples uses the encoding again.
        """
        # Without the last frame, as when it transcribes.
        features = pad_or_trim(self.feature_extractor(samples)[..., :-1])
        found = self._probabilities(self.encode(features))
        if not is_clear(found):
            whole = self._probabilities(super().encode(features))
            found = {name: (share + whole[name]) / 2 for name, share in found.items()}
        return found

    def _probabilities(self, encoder_output: StorageView) -> dict[str, float]:
        """From the tokens `<|en|>` and so on to their languages."""
        (found,) = self.model.detect_language(encoder_output)
        return {token[2:-2]: float(probability) for token, probability in found}

    def generate_with_fallback(
        self,
        encoder_output: StorageView,
        prompt: list[int],
        tokenizer: Tokenizer,
        options: TranscriptionOptions,
    ) -> Decoded:
        """Decode; if the result is poor, encode and decode the whole window."""
        decode: Decoder = super().generate_with_fallback
        features = getattr(self._thread, "features", None)
        if features is not None:
            most = _MIN_TOKENS + _TOKENS_PER_SECOND * _audio_frames(features) // 100
            one_attempt = replace(
                options, temperatures=options.temperatures[:1], max_new_tokens=most
            )
            decoded = decode(encoder_output, prompt, tokenizer, one_attempt)
            if _is_good(decoded, most, tokenizer):
                return decoded
            encoder_output = super().encode(features)
        decoded = decode(encoder_output, prompt, tokenizer, options)
        if not runs_in_circles(_text(decoded, tokenizer)):
            return decoded
        return warmer(decode, decoded, encoder_output, prompt, tokenizer, options)


def warmer(
    decode: Decoder,
    decoded: Decoded,
    encoder_output: StorageView,
    prompt: list[int],
    tokenizer: Tokenizer,
    options: TranscriptionOptions,
) -> Decoded:
    """Decode at the temperatures that are left; `decoded` again if none gives a better text.

    faster-whisper does so for text that compresses too well as a whole. A text that begins to
    repeat itself near its end doesn't.
    """
    text = _text(decoded, tokenizer)
    for temperature in options.temperatures:
        if temperature <= decoded[2]:
            continue
        one_attempt = replace(options, temperatures=[temperature])
        other = decode(encoder_output, prompt, tokenizer, one_attempt)
        _, log_probability, _, compression_ratio = other
        if (
            is_better(_text(other, tokenizer), than=text)
            and compression_ratio <= options.compression_ratio_threshold
            and log_probability >= options.log_prob_threshold
        ):
            return other
    return decoded


def _text(decoded: Decoded, tokenizer: Tokenizer) -> str:
    text: str = tokenizer.decode(decoded[0].sequences_ids[0])
    return text


def open_model(
    files: ModelFiles, *, device: str, device_index: int, compute_type: str, **threads: int
) -> ShortContextWhisper:
    """Load a model. Raises what CTranslate2 does: RuntimeError, ValueError, OSError."""
    contents: dict[str, Any] | None = None
    if files.contents is not None:
        # CTranslate2 reads its files itself, one after the other; faster-whisper wants bytes.
        contents = dict(files.contents)
        contents["tokenizer.json"] = files.contents["tokenizer.json"].read()
    return ShortContextWhisper(
        str(files.path),
        device=device,
        device_index=device_index,
        compute_type=compute_type,
        files=contents,
        local_files_only=True,
        **threads,
    )


def _is_good(decoded: Decoded, most: int, tokenizer: Tokenizer) -> bool:
    result, mean_log_probability, _, compression_ratio = decoded
    tokens = result.sequences_ids[0]
    return (
        compression_ratio <= _MAX_COMPRESSION_RATIO
        and mean_log_probability >= _MIN_LOG_PROBABILITY
        and len(tokens) < most
        and not repeats_itself(_text(decoded, tokenizer))
    )


def _frames_to_encode(features: NDArray[np.float32]) -> int:
    total = int(features.shape[-1])
    if features.ndim != 2:
        return total
    return min(total, max(_audio_frames(features) + _PADDING, _MIN_FRAMES))


def _audio_frames(features: NDArray[np.float32]) -> int:
    """How many frames come before the padding, which is exactly zero; no audio's features are."""
    audio = np.flatnonzero(features.any(axis=0))
    return int(audio[-1]) + 1 if len(audio) else 0
