"""The engine nemo: Parakeet by NVIDIA NeMo, in a worker process of the ML interpreter.

Nothing of NeMo or torch is imported here: a crash there is an engine error and never ends the
tool, and the tool needs none of their dependencies.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import (
    ChunkResult,
    Engine,
    EngineOptions,
    Stream,
    in_language,
    on_source_clock,
)
from parakeet_cli.engines.memory import NotEnoughMemory, memory_hint
from parakeet_cli.engines.nemo.language_tags import split_tags, without_tags
from parakeet_cli.engines.nemo.packages import require_packages
from parakeet_cli.engines.nemo.process import NemoProcess, WorkerDiedError, default_python
from parakeet_cli.engines.nemo.stack_check import torch_without_cuda
from parakeet_cli.engines.parakeet_tokens import Token, tokens_to_segments
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.models.registry import DEFAULT, ENGLISH, look_up
from parakeet_cli.models.resolve import find_model
from parakeet_cli.models.scan.model import private_copy
from parakeet_cli.models.types import NEMO
from parakeet_cli.system.hardware import has_gpu
from parakeet_cli.transcript import EngineInfo, Segment

_log = logging.getLogger(__name__)

# Long enough that the context before and after a word keeps it right, short enough that full
# attention costs little: its share of the encoder's work grows with the length, and is a sixth
# at two minutes.
_MAX_CHUNK_SECONDS = 120.0
# Chunks in flight. A CPU wants no more than two minutes in a batch. A GPU wants the 128 chunks of
# NeMo's own measurements, all about as long as each other, and two batches at once: simulated
# with speech of mixed length, 256 in flight give batches of 42 on average, and 1024 of 100.
_CPU_CONCURRENCY = 16
GPU_CONCURRENCY = 1024
_CPU_SECONDS, _GPU_SECONDS = 960.0, 7680.0  # in flight: 61 and 492 MB of samples
_MAX_ATTEMPTS = 2
# NeMo's names of its modes; the graphs are made as batches come.
_GRAPHS = {"full_graph": "CUDA graphs", "no_while_loops": "CUDA graphs in parts"}
_MAX_DEATHS = 10  # of workers in a row, without one result: then it isn't the audio
_MAX_STARTS = 2  # of a worker in the place of one that died


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings for tests and measurements; they are not for users, and may change."""

    way: str | None = None  # PARAKEET_NEMO_WAY: whole, local, windows
    max_chunk_seconds: float = _MAX_CHUNK_SECONDS  # PARAKEET_NEMO_WINDOW
    precision: str | None = None  # PARAKEET_NEMO_PRECISION: float32, bfloat16, float16

    @classmethod
    def from_environment(cls) -> Tuning:
        return cls(
            way=os.environ.get("PARAKEET_NEMO_WAY") or None,
            max_chunk_seconds=float(os.environ.get("PARAKEET_NEMO_WINDOW") or _MAX_CHUNK_SECONDS),
            precision=os.environ.get("PARAKEET_NEMO_PRECISION") or None,
        )


class Nemo:
    """A Parakeet, or any NeMo model with a transducer or CTC head.

    The worker makes batches of the chunks in flight. A chunk that was in work when the worker
    died is tried once more, alone, in a new one.
    """

    needs_all_audio = False
    invents_in_silence = False

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        self._options = options
        self._tuning = Tuning.from_environment()
        self._python = ml_python(options.ml_python)
        require_packages(self._python, look_up(options.model or DEFAULT, NEMO))
        self._model = find_model(
            options.model, kind=NEMO, offline=options.offline, progress=options.progress
        )
        self._language = _checked_language(self._model.name, options.language)
        device = options.device
        if device == "auto":  # a guess, until the loaded worker says which it uses
            device = "cuda" if has_gpu() else "cpu"
            torch = torch_without_cuda(self._python) if device == "cuda" else None
            if torch is not None:
                raise _unused_gpu(f"{torch} is built without CUDA", self._python)
        self.max_chunk_seconds = self._tuning.max_chunk_seconds
        in_flight, self.max_inflight_seconds = (
            (_CPU_CONCURRENCY, _CPU_SECONDS) if device == "cpu" else (GPU_CONCURRENCY, _GPU_SECONDS)
        )
        # A GPU's batches have nothing to do with the cores.
        alone = concurrency == 1 or (device == "cpu" and options.cores == 1)
        self.concurrency = 1 if alone else in_flight
        self.info = EngineInfo("nemo", self._model.name, device, "NeMo")
        self.runs_on = device
        self._frame_seconds = 0.08
        self._worker: NemoProcess | None = None
        self._deaths = 0  # of workers, since the last result
        self._graphs: str | None = None  # the best CUDA graphs to try; None: the device's own
        self._lock = Lock()  # one thread starts the next worker

    def load(self) -> None:
        with self._lock:
            self._worker = self._start_worker()

    def _start_worker(self) -> NemoProcess:
        worker = NemoProcess(self._python, self._worker)
        try:
            loaded = self._load_in(worker)
        except WorkerDiedError as death:
            if worker.graphs is not None:
                _log.info("NeMo's worker died: %s. Another tries with fewer CUDA graphs.", death)
                self._graphs = worker.graphs
                return self._start_worker()
            raise EngineUnavailable(
                f"NeMo's worker died while it loaded {self._model.name}: {death}.",
                hint=f"parakeet doctor --deep --python {self._python}",
            ) from death
        except NotEnoughMemory as error:
            worker.kill()
            smaller = memory_hint(self._model.name, NEMO)
            raise NotEnoughMemory(str(error), hint=f"{smaller} {error.hint}") from error
        except BaseException:
            worker.kill()
            raise
        if loaded["why_cpu"] is not None and has_gpu():
            worker.kill()
            raise _unused_gpu(loaded["why_cpu"], self._python)
        worker.runs_on(gpu=loaded["gpu"] is not None)
        self._frame_seconds = loaded["frame_seconds"]
        self.info = EngineInfo("nemo", self._model.name, loaded["device"], f"NeMo {loaded['nemo']}")
        self.runs_on = _where(loaded)
        _log.info("%s", _description(loaded))
        return worker

    def _load_in(self, worker: NemoProcess) -> dict[str, Any]:
        """Have the worker load the model; what it says about it."""
        path = self._model.path.absolute()
        # Unpacked and scanned while the worker imports NeMo, which takes far longer. NeMo reads
        # what was scanned, and never the file itself.
        trusted = self._options.trust_model
        with nullcontext(path) if trusted else private_copy(path) as source:
            loaded: dict[str, Any] = worker.request(
                "load",
                model={
                    "path": str(source),
                    "device": self._options.device,
                    "threads": self._options.threads,
                    "trusted": trusted,
                    "workers": self._options.sharers,
                    "precision": self._tuning.precision,
                    "graphs": self._graphs,
                    "terms": self._options.terms,
                    "text": self._options.text,
                    "max_chunk_seconds": self.max_chunk_seconds,
                },
            )
        return loaded

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        if not chunk.length:
            return ChunkResult((), self._language)
        crashes = 0
        while True:
            worker = self._running_worker()
            try:
                tokens = worker.request(
                    "transcribe", chunk.samples, alone=crashes > 0, way=self._tuning.way
                )
            except WorkerDiedError as death:
                # A chunk that was only queued then goes to the next worker as it is.
                crashes += death.started
                if crashes == _MAX_ATTEMPTS:
                    raise EngineError(
                        f"NeMo's worker died twice over the audio from {chunk.start:.2f} to "
                        f"{chunk.end:.2f} s: {death}"
                    ) from death
                _log.info("NeMo's worker died: %s. A new one continues.", death)
            else:
                self._deaths = 0
                segments, language = self._segments(chunk, tokens)
                return ChunkResult(on_source_clock(chunk, segments), language or self._language)

    def _segments(self, chunk: Chunk, tokens: dict[str, Any]) -> tuple[list[Segment], str | None]:
        """The segments, and the language if the model writes it."""
        each, most = self._frame_seconds, chunk.duration
        words, language = split_tags(
            Token(piece, min(start * each, most), min(end * each, most), probability)
            for piece, (start, end), probability in zip(
                tokens["pieces"], tokens["frames"], tokens["probabilities"], strict=True
            )
        )
        return tokens_to_segments(words), language

    def _running_worker(self) -> NemoProcess:
        """The worker, or a new one where it has died. Raises EngineUnavailable."""
        with self._lock:
            assert self._worker is not None, "load() comes first"
            if self._worker.dead:
                self._graphs = self._worker.graphs or self._graphs
                self._worker = self._replacement()
            return self._worker

    def _replacement(self) -> NemoProcess:
        """A worker in the place of one that died. Raises EngineUnavailable.

        What made that one die may also make the first load fail: memory that is not free yet.
        """
        self._deaths = min(self._deaths + 1, _MAX_DEATHS)
        if self._deaths == _MAX_DEATHS:
            raise EngineUnavailable(
                f"NeMo's worker died {_MAX_DEATHS} times in a row on {self.runs_on}.",
                hint=f"parakeet doctor --deep --python {self._python}",
            )
        for _ in range(_MAX_STARTS - 1):
            try:
                return self._start_worker()
            except EngineUnavailable as error:
                _log.info("NeMo's next worker can't be used: %s Another is tried.", error)
        return self._start_worker()

    def adjusted(self, options: EngineOptions) -> Engine:
        return in_language(self, _checked_language(self._model.name, options.language))

    def open_stream(self) -> Stream:
        return _Utterance(self._running_worker)

    def close(self) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.close()


_UTTERANCE_NUMBERS = count(1)


class _Utterance:
    """One utterance of live speech, in the worker that ran when it began."""

    def __init__(self, running_worker: Callable[[], NemoProcess]) -> None:
        self._number = next(_UTTERANCE_NUMBERS)
        self._worker = running_worker()
        self._request("open_stream")

    def accept(self, samples: NDArray[np.float32]) -> str:
        return without_tags(str(self._request("accept", samples)))

    def close(self) -> None:
        if not self._worker.dead:
            self._request("close_stream")

    def _request(self, operation: str, samples: NDArray[np.float32] | None = None) -> Any:
        try:
            return self._worker.request(operation, samples, utterance=self._number)
        except WorkerDiedError as death:
            raise EngineError(f"NeMo's worker died during live speech: {death}.") from death


def _unused_gpu(why: str, python: str) -> EngineUnavailable:
    """For `--device auto`: on the CPU it would take many times as long, without a word."""
    return EngineUnavailable(
        f"nvidia-smi lists a GPU, and NeMo can't use it: {why}.",
        hint=f"`parakeet doctor --python {python}` finds out why; `--device cpu` uses the CPU.",
    )


def ml_python(named: str | None) -> str:
    """The ML interpreter. Raises EngineUnavailable where it can't be run."""
    if named is None:
        return default_python()
    path = Path(named).expanduser()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise EngineUnavailable(
            f"The ML interpreter {named} isn't a program that can be run.",
            hint='PARAKEET_ML_PYTHON, --python or "ml_python" in config.json names it: a path, '
            "or a name that `parakeet setup --list` shows.",
        )
    # Not resolved: a virtual environment's python is a link, and only its own path leads to
    # the environment.
    return str(path.absolute())


def _checked_language(model: str, asked: str | None) -> str | None:
    """The model's language if it has only one. Raises UsageError for any other request.

    A multilingual Parakeet detects the language and can't be told it.
    """
    known = look_up(model, NEMO)
    only = "en" if known is not None and known.languages == ENGLISH else None
    if asked not in (None, only):
        limit = "knows English only" if only else "can't be told a language"
        raise UsageError(
            f"The model {model} {limit}; --language {asked} was asked for.",
            hint=("v3 detects 25 languages" if only else "Leave --language out: it is detected")
            + "; --engine whisper --model base can be told one of 99.",
            option="language",
        )
    return only


def _where(loaded: dict[str, Any]) -> str:
    """The device, precision and graphs that the worker uses, in words."""
    details = [str(loaded["precision"])]
    if (graphs := loaded["graphs"]) is not None:
        details.append(_GRAPHS.get(graphs, f"graphs: {graphs}"))
    elif loaded["graphs_reason"]:  # a CTC head has no use for them, and none is given
        details.append("no CUDA graphs")
    if loaded["gpu"] is None:
        return f"{loaded['device']} ({', '.join(details)})"
    return f"{loaded['gpu']} ({', '.join([loaded['device'], *details])})"


def _description(loaded: dict[str, Any]) -> str:
    return f"NeMo {loaded['nemo']}, torch {loaded['torch']}: {loaded['class']} on {_where(loaded)}."
