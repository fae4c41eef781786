"""Whisper by faster-whisper and CTranslate2; the model tiny.en is embedded."""

from __future__ import annotations

import math
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING, Any

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, EngineOptions, on_source_clock
from parakeet_cli.engines.whisper.model import find_folder
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.transcript import EngineInfo, Segment, Word

if TYPE_CHECKING:
    from parakeet_cli.engines.whisper.encoder import ShortContextWhisper

_MAX_CHUNK_SECONDS = 30.0  # seconds: what the encoder takes, whatever the sound's length
# Seconds. The last word's end comes early by up to that much, and the detector's late; in
# what is left of a chunk then, Whisper hears "Thank you." and "See you next time."
_AT_ITS_END = 0.5
_LANGUAGES_KEPT = 64  # sources in flight whose detected language is remembered


class Whisper:
    """Whisper on the CPU in int8, on a GPU in float16.

    On the CPU `concurrency` chunks are decoded at once with the cores shared between them: a
    beam search over one short chunk leaves a second core idle half of the time, two
    chunks on one core each do not (1.9 × the throughput on 2 cores).
    """

    max_chunk_seconds = _MAX_CHUNK_SECONDS
    needs_all_audio = False
    max_inflight_seconds = math.inf  # `concurrency` bounds it

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        self._folder = find_folder(
            options.model, offline=options.offline, progress=options.progress
        )
        self._folder.refuse_language(options.language)
        self._options = options
        self._device, self._device_index = _device(options.device)
        on_cpu = self._device == "cpu"
        self.concurrency = (
            max(1, min(concurrency, options.cores)) if on_cpu else min(concurrency, 2)
        )
        self._threads = max(1, options.cores // self.concurrency)
        self.info = EngineInfo(
            "whisper", self._folder.name, options.device if not on_cpu else "cpu", _version()
        )
        self._model: ShortContextWhisper | None = None
        self._languages: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def load(self) -> None:
        # The sums are taken while the libraries are imported: both take about as long,
        # and hashing needs no interpreter.
        with ThreadPoolExecutor(1) as beside:
            checked = beside.submit(self._folder.check)
            from parakeet_cli.engines.whisper.encoder import ShortContextWhisper

            checked.result()
        try:
            self._model = ShortContextWhisper(
                str(self._folder.path),
                device=self._device,
                device_index=self._device_index,
                compute_type="int8" if self._device == "cpu" else "float16",
                cpu_threads=self._threads,
                num_workers=self.concurrency,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineUnavailable(
                f"The Whisper model in {self._folder.path} can't be loaded: {error}",
                hint="Check that the folder holds a CTranslate2 model "
                "(model.bin, config.json, tokenizer.json, vocabulary).",
            ) from error
        self._refuse_language(self._model.supported_languages)

    def _refuse_language(self, supported: list[str]) -> None:
        language = self._options.language
        if supported == ["en"]:
            self._folder.refuse_language(language, english_only=True)
        elif language is not None and language not in supported:
            raise UsageError(
                f"The model {self._folder.name} knows no language '{language}'.",
                hint=f"It knows {', '.join(sorted(supported))}.",
            )

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        assert self._model is not None, "load() comes first"
        try:
            language = self._language(chunk)
            # The chunk before is no prompt: an error in it would go on into this one.
            segments, _ = self._model.transcribe(
                chunk.samples,
                language=language,
                beam_size=self._options.beam_size,
                word_timestamps=True,
                condition_on_previous_text=False,
                vad_filter=False,
            )
            found = []
            for segment in segments:
                found.append(_segment(segment, chunk.duration))
                if chunk.speech_end is not None and segment.end >= chunk.speech_end - _AT_ITS_END:
                    break  # what is left is silence, which Whisper would fill with words
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"Whisper failed: {error}") from error
        return ChunkResult(on_source_clock(chunk, found), language)

    def _language(self, chunk: Chunk) -> str:
        """The language asked for, else the one heard in the source's first chunk."""
        assert self._model is not None
        if not self._model.model.is_multilingual:
            return "en"
        if self._options.language:
            return self._options.language
        with self._lock:
            known = self._languages.get(chunk.source)
            if known is None:
                known, _, _ = self._model.detect_language(chunk.samples)
                self._languages[chunk.source] = known
                while len(self._languages) > _LANGUAGES_KEPT:
                    self._languages.popitem(last=False)
        return known

    def close(self) -> None:
        self._model = None


def _segment(segment: Any, duration: float) -> Segment:
    """faster-whisper's segment as ours, inside the chunk: it rounds up to whole windows."""
    words = tuple(
        Word(
            start=min(float(word.start), duration),
            end=min(float(word.end), duration),
            text=text,
            confidence=min(1.0, max(0.0, float(word.probability))),
        )
        for word in segment.words or ()
        if (text := word.word.strip())
    )
    return Segment(
        start=min(float(segment.start), duration),
        end=min(float(segment.end), duration),
        text=segment.text.strip(),
        words=words,
        confidence=min(1.0, math.exp(segment.avg_logprob)),
    )


def _device(asked: str) -> tuple[str, int]:
    """CTranslate2's device and index; raises EngineUnavailable where there is no such GPU."""
    if asked == "cpu":
        return "cpu", 0
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    if asked == "auto":
        return ("cuda", 0) if count else ("cpu", 0)
    index = int(asked.partition(":")[2] or 0)
    if index >= count:
        raise EngineUnavailable(
            f"The device {asked} was asked for, and CTranslate2 sees {count} CUDA devices.",
            hint="`parakeet doctor` says why; `--device cpu` works without one.",
        )
    return "cuda", index


def _version() -> str:
    return f"faster-whisper {version('faster-whisper')}"
