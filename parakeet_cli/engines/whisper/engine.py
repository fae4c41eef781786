"""The engine whisper: faster-whisper and CTranslate2; base and tiny.en are embedded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.audio.segment.pauses import weakest_frame
from parakeet_cli.engines.base import ChunkResult, EngineOptions, gpu_index, on_source_clock
from parakeet_cli.engines.memory import NotEnoughMemory, is_out_of_memory, memory_hint
from parakeet_cli.engines.repetition import is_better, runs_in_circles
from parakeet_cli.engines.whisper.decoding import (
    PreviousText,
    numeral_tokens,
    refuse_compute_type,
    temperatures_from,
)
from parakeet_cli.engines.whisper.doubts import ForeignSpeech, multilingual_doubts
from parakeet_cli.engines.whisper.language import ENGLISH, LanguageTracker, Probabilities
from parakeet_cli.engines.whisper.model import find_whisper
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.models.embedded import ModelFiles
from parakeet_cli.models.scan.model import opened_whisper
from parakeet_cli.models.types import WHISPER
from parakeet_cli.transcript import Doubt, EngineInfo, Segment, Word

if TYPE_CHECKING:
    from parakeet_cli.engines.whisper.encoder import ShortContextWhisper

_MAX_CHUNK_SECONDS = 30.0  # the encoder's window
# Seconds. Whisper ends the last word early by up to that much, and the detector ends speech late.
# In the silence after it, Whisper invents "Thank you." and "See you next time."
_END_TOLERANCE = 0.5
# How often a part that was transcribed in circles is cut in two, and the shortest that is.
_MAX_CUTS = 2
_MIN_CUT = 4 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the model is asked to find in a chunk, and the text that comes before it."""

    language: str
    prompt: str | None


class Whisper:
    """Whisper on the CPU in int8, on a GPU in float16.

    On the CPU the cores are divided between `concurrency` chunks: a beam search over one short
    chunk leaves a second core idle half of the time, two chunks on one core each do not (1.9 ×
    the throughput on 2 cores).
    """

    max_chunk_seconds = _MAX_CHUNK_SECONDS
    needs_all_audio = False
    invents_in_silence = True
    max_inflight_seconds = math.inf  # `concurrency` bounds it

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        self._found = find_whisper(
            options.model, offline=options.offline, progress=options.progress
        )
        self._found.refuse_language(options.language)
        self._found.refuse_task(options.decoding.task)
        self._options = options
        self._device, self._device_index = _device(options.device)
        on_cpu = self._device == "cpu"
        self._compute_type = options.decoding.compute_type or ("int8" if on_cpu else "float16")
        if options.decoding.compute_type is not None:
            refuse_compute_type(self._compute_type, self._device, self._device_index)
        if options.decoding.condition_on_previous_text:
            concurrency = 1  # a chunk has to wait for the text of the one before
        self.concurrency = (
            max(1, min(concurrency, options.cores)) if on_cpu else min(concurrency, 2)
        )
        self._threads = max(1, options.cores // self.concurrency)
        self.info = EngineInfo(
            "whisper",
            self._found.name,
            options.device if not on_cpu else "cpu",
            _version(),
            language=options.language or (ENGLISH if self._found.english_only else "detected"),
            note=self._found.note,
            translates=options.decoding.translates,
        )
        self._model: ShortContextWhisper | None = None
        self._languages = LanguageTracker()
        self._prompts = PreviousText(options.decoding)
        self._suppressed = [-1]  # tokens; -1 is Whisper's own list
        self._foreign: ForeignSpeech | None = None  # for a model that knows English only

    def load(self) -> None:
        # The checksums are computed while the libraries are imported: both take about as long,
        # and hashing releases the interpreter lock.
        with ExitStack() as opened, ThreadPoolExecutor(1) as pool:
            prepared = pool.submit(opened.enter_context, self._files())
            from parakeet_cli.engines.whisper.encoder import open_model

            self._model = self._open(open_model, prepared.result())
        self._refuse_unknown(self._options, self._model.supported_languages)
        if self._model.supported_languages == [ENGLISH]:
            self._foreign = ForeignSpeech(self._found.name, threads=self._threads)
        if self._options.decoding.suppress_numerals:
            self._suppressed = [-1, *numeral_tokens(self._model.hf_tokenizer)]

    @contextmanager
    def _files(self) -> Iterator[ModelFiles]:
        """The model's files, checked, to be loaded within the block. Raises EngineUnavailable."""
        source = self._found.source
        if isinstance(source, Path) and not self._options.trust_model:
            with opened_whisper(source) as folder:
                yield ModelFiles(folder)
        else:
            yield self._found.prepare()

    def _open(
        self, open_model: Callable[..., ShortContextWhisper], files: ModelFiles
    ) -> ShortContextWhisper:
        try:
            return open_model(
                files,
                device=self._device,
                device_index=self._device_index,
                compute_type=self._compute_type,
                cpu_threads=self._threads,
                num_workers=self.concurrency,
            )
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            if is_out_of_memory(error):
                raise NotEnoughMemory(
                    f"There is not enough memory for the model {self._found.name}: "
                    f"{str(error) or type(error).__name__}.",
                    hint=memory_hint(self._found.name, WHISPER),
                ) from error
            source = self._found.source
            folder = source if isinstance(source, Path) else files.path
            raise EngineUnavailable(
                f"The Whisper model in {folder} can't be loaded: "
                f"{str(error).replace(str(files.path), str(folder))}",
                hint="Check that the folder is a CTranslate2 model "
                "(model.bin, config.json, tokenizer.json, vocabulary).",
            ) from error

    @property
    def languages(self) -> tuple[str, ...]:
        return () if self._model is None else tuple(self._model.supported_languages)

    def adjusted(self, options: EngineOptions) -> Whisper:
        assert self._model is not None, "load() comes first"
        self._refuse_unknown(options, self._model.supported_languages)
        other = copy(self)
        other._options = options
        other._languages = LanguageTracker()
        other._prompts = PreviousText(options.decoding)
        return other

    def _refuse_unknown(self, options: EngineOptions, supported: list[str]) -> None:
        """Raise UsageError for a language or a task that the loaded model doesn't know."""
        language = options.language
        if supported == [ENGLISH]:
            self._found.refuse_task(options.decoding.task, english_only=True)
            self._found.refuse_language(language, english_only=True)
        elif language is not None and language not in supported:
            raise UsageError(
                f"The model {self._found.name} doesn't know the language '{language}'.",
                hint=f"It knows {', '.join(sorted(supported))}.",
                option="language",
            )

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        assert self._model is not None, "load() comes first"
        try:
            language, probabilities = self._language(chunk)
            speech_end = math.inf if chunk.speech_end is None else chunk.speech_end
            asked = _Asked(language, self._prompts.before(chunk.source))
            transcribed = self._transcribe(chunk.samples, asked, speech_end - _END_TOLERANCE)
        except (RuntimeError, ValueError, MemoryError) as error:
            hint = memory_hint(self._found.name, WHISPER) if is_out_of_memory(error) else None
            reason = str(error) or type(error).__name__
            raise EngineError(f"Whisper failed: {reason}", hint=hint) from error
        self._prompts.add(chunk, _text(transcribed))
        doubts = self._doubts(chunk, language, probabilities, transcribed)
        return ChunkResult(on_source_clock(chunk, transcribed), language, doubts)

    def _transcribe(
        self, samples: Samples, asked: _Asked, silence_start: float, cuts: int = _MAX_CUTS
    ) -> list[Segment]:
        """The segments of 16 kHz mono, shape (n,), in which only silence follows that second.

        What runs in a circle is transcribed again in two parts, which are cut in two up to
        `cuts` times; if they don't make a better text together, the first one stays.
        """
        found = self._segments(samples, asked, silence_start)
        if not cuts or len(samples) < _MIN_CUT or not runs_in_circles(_text(found)):
            return found
        middle = _quietest_near_middle(samples)
        seconds = middle / SAMPLE_RATE
        halves = [
            self._transcribe(samples[:middle], asked, silence_start, cuts - 1),
            [
                _later(segment, seconds)
                for segment in self._transcribe(
                    samples[middle:], asked, silence_start - seconds, cuts - 1
                )
            ],
        ]
        joined = [segment for half in halves for segment in half]
        return joined if is_better(_text(joined), than=_text(found)) else found

    def _segments(self, samples: Samples, asked: _Asked, silence_start: float) -> list[Segment]:
        assert self._model is not None, "load() comes first"
        decoding = self._options.decoding
        # Unless it is asked for, the previous chunk is not used as a prompt: its errors would
        # continue in this one.
        segments, _ = self._model.transcribe(
            samples,
            language=asked.language,
            task=decoding.task,
            beam_size=self._options.beam_size,
            temperature=temperatures_from(decoding.temperature),
            initial_prompt=asked.prompt,
            suppress_tokens=self._suppressed,
            word_timestamps=True,
            condition_on_previous_text=decoding.condition_on_previous_text,
            vad_filter=False,
        )
        found = []
        for segment in segments:
            found.append(_segment(segment, len(samples) / SAMPLE_RATE))
            if segment.end >= silence_start:
                break  # only silence follows, which Whisper would fill with words
        return found

    def _doubts(
        self,
        chunk: Chunk,
        language: str,
        probabilities: Probabilities | None,
        transcribed: list[Segment],
    ) -> tuple[Doubt, ...]:
        if self._foreign is not None:
            return self._foreign.doubts(chunk, transcribed)
        if probabilities is not None and language == ENGLISH:
            return multilingual_doubts(chunk, probabilities, transcribed)
        return ()

    def _language(self, chunk: Chunk) -> tuple[str, Probabilities | None]:
        """The language asked for, else the one detected in the source, from which probabilities."""
        assert self._model is not None
        if not self._model.model.is_multilingual:
            return ENGLISH, None
        if self._options.language:
            return self._options.language, None
        found = self._model.language_probabilities(chunk.samples)
        return self._languages.decide(chunk.source, found, chunk.duration), found

    def close(self) -> None:
        self._model = None


def _text(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _quietest_near_middle(samples: Samples) -> int:
    """The sample between a third and two thirds of them where they are quietest."""
    first, stop = len(samples) // 3, len(samples) * 2 // 3
    whole = samples[first : first + (stop - first) // FRAME * FRAME].reshape(-1, FRAME)
    power = (whole**2).mean(axis=1)
    return first + weakest_frame(np.zeros(len(power)), power) * FRAME + FRAME // 2


def _later(segment: Segment, seconds: float) -> Segment:
    words = tuple(
        replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words
    )
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def _segment(segment: Any, duration: float) -> Segment:
    """Convert faster-whisper's segment; its times may exceed the chunk, and are cut."""
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
    """CTranslate2's device and index. Raises EngineUnavailable if there is no such GPU."""
    if asked == "cpu":
        return "cpu", 0
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    if asked == "auto":
        return ("cuda", 0) if count else ("cpu", 0)
    index = gpu_index(asked)
    if index >= count:
        raise EngineUnavailable(
            f"The device {asked} was asked for, but CTranslate2 sees {count} CUDA devices.",
            hint="`parakeet doctor` finds out why; `--device cpu` works without a GPU.",
        )
    return "cuda", index


def _version() -> str:
    return f"faster-whisper {version('faster-whisper')}"
