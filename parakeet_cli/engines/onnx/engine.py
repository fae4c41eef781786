"""The engine onnx: Parakeet by ONNX Runtime and onnx-asr, without torch and NeMo."""

from __future__ import annotations

import math
from copy import copy
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import (
    ChunkResult,
    Engine,
    EngineOptions,
    gpu_index,
    in_language,
    on_source_clock,
)
from parakeet_cli.engines.memory import is_out_of_memory, memory_hint
from parakeet_cli.engines.onnx.folder import OnnxFolder, open_folder
from parakeet_cli.engines.parakeet_tokens import tokens_to_segments
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.models.cache import find_cached
from parakeet_cli.models.registry import DEFAULT, ENGLISH, KNOWN, look_up
from parakeet_cli.models.resolve import find_model
from parakeet_cli.models.types import ONNX
from parakeet_cli.system.hardware import has_gpu
from parakeet_cli.system.install_command import install_command
from parakeet_cli.transcript import EngineInfo

if TYPE_CHECKING:
    from parakeet_cli.engines.onnx.model import OnnxModel

# Exports fail past 400 s. A minute is enough context, and bounds an encoder's memory (its first
# convolution takes 20 MB for each second of a 0.6B).
_MAX_CHUNK_SECONDS = 60.0
_GPU_CONCURRENCY = 4  # while one chunk is decoded, the next is encoded


class Onnx:
    """A TDT, RNN-T or CTC Parakeet in a folder of ONNX files.

    On the CPU the cores are divided between `concurrency` chunks: the steps of a decoder are too
    small for more than one core. Batches are no faster there: eight clips of 10 s in one, on two
    cores, took 1.2 to 1.8 times as long as in two threads, for the same words.
    """

    max_chunk_seconds = _MAX_CHUNK_SECONDS
    needs_all_audio = False
    invents_in_silence = False
    max_inflight_seconds = math.inf  # `concurrency` bounds it

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        _require("onnx_asr")
        self._folder = find_folder(options)
        _check_language(self._folder.name, options.language)
        self._language = options.language
        self._device = options.device
        self._terms, self._text = options.terms, options.text
        self._gpu = _gpu_number(options.device)
        most = options.cores if self._gpu is None else _GPU_CONCURRENCY
        self.concurrency = max(1, min(concurrency, most))
        self._threads = max(1, options.cores // self.concurrency)
        self.info = self._info(on_gpu=self._gpu is not None)
        self._model: OnnxModel | None = None

    def _info(self, *, on_gpu: bool) -> EngineInfo:
        device = "cpu" if not on_gpu else f"cuda:{self._gpu}" if self._gpu else "cuda"
        return EngineInfo("onnx", self._folder.name, device, f"onnx-asr {version('onnx-asr')}")

    def load(self) -> None:
        with self._folder.for_engine() as place:
            from parakeet_cli.engines.onnx.model import OnnxModel

            self._model = OnnxModel(
                self._folder,
                place,
                threads=self._threads,
                gpu=self._gpu,
                terms=self._terms,
                text=self._text,
            )
        if self._gpu is not None and not self._model.on_gpu:
            if self._device != "auto":
                raise _no_gpu(self._device, "ONNX Runtime can't start on it")
            self.info = self._info(on_gpu=False)

    def adjusted(self, options: EngineOptions) -> Engine:
        _check_language(self._folder.name, options.language)
        other = self
        if options.terms != self._terms:
            assert self._model is not None, "load() comes first"
            other = copy(self)
            other._terms, other._model = options.terms, self._model.expecting(options.terms)
        return in_language(other, options.language)

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        assert self._model is not None, "load() comes first"
        if not chunk.length:
            return ChunkResult((), self._language)
        try:
            tokens = self._model.transcribe(chunk.samples)
        except Exception as error:  # ONNX Runtime's errors have no class in common
            hint = memory_hint(self._folder.name, ONNX) if is_out_of_memory(error) else None
            raise EngineError(f"ONNX Runtime failed: {error}", hint=hint) from error
        return ChunkResult(on_source_clock(chunk, tokens_to_segments(tokens)), self._language)

    def close(self) -> None:
        self._model = None


def default_model() -> str:
    """The model if none is asked for: the first known one that is cached, else v3."""
    rows = [row for row in KNOWN if row.kind == ONNX]
    return next((row.name for row in rows if find_cached(row) is not None), DEFAULT)


def find_folder(options: EngineOptions) -> OnnxFolder:
    """The model asked for, downloaded if it isn't cached. Raises EngineUnavailable."""
    model = find_model(
        options.model or default_model(),
        kind=ONNX,
        offline=options.offline,
        progress=options.progress,
    )
    return open_folder(model.path, model.name, model.quantization)


def _check_language(model: str, language: str | None) -> None:
    """Raise UsageError for a language that the model would ignore.

    `en` is allowed for models that were trained on English alone.
    """
    known = look_up(model, ONNX)
    if language is None or (language == "en" and known is not None and known.languages == ENGLISH):
        return
    raise UsageError(
        f"The model {model} doesn't accept a language; --language {language} was asked for.",
        hint="Leave --language out: Parakeet detects the language. "
        "--engine whisper --model base can be told one of 99.",
        option="language",
    )


def _require(package: str) -> None:
    # find_spec finds the package without running its code.
    if find_spec(package) is None or find_spec("onnxruntime") is None:
        raise EngineUnavailable(
            "The engine onnx needs packages that are not installed: onnx-asr and ONNX Runtime.",
            hint=install_command("onnx-asr", "onnxruntime"),
        )


def _gpu_number(asked: str) -> int | None:
    """The number of the GPU to use, None for the CPU.

    Raises EngineUnavailable if a GPU was asked for and this ONNX Runtime can't use any.
    """
    if asked == "cpu":
        return None
    if asked == "auto":
        return 0 if _has_cuda() and has_gpu() else None
    if not _has_cuda():
        raise _no_gpu(asked, "this ONNX Runtime is built without CUDA")
    return gpu_index(asked)


def _has_cuda() -> bool:
    """Whether the installed ONNX Runtime has its CUDA library, without importing it."""
    spec = find_spec("onnxruntime")
    if spec is None:
        return False
    names = ("libonnxruntime_providers_cuda.so", "onnxruntime_providers_cuda.dll")
    folders = [Path(package) / "capi" for package in spec.submodule_search_locations or ()]
    return any((folder / name).exists() for folder in folders for name in names)


def _no_gpu(asked: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"The device {asked} was asked for, but {why}.",
        hint=f"{install_command('--force-reinstall', '--no-deps', 'onnxruntime-gpu')} puts ONNX "
        "Runtime for CUDA in the place of the other; `parakeet doctor` checks the driver; "
        "`--device cpu` works without a GPU.",
    )
