"""Parakeet by NVIDIA NeMo, in a worker process of the ML interpreter.

Nothing of NeMo or torch is imported here: a crash there is an error of the engine and
never the tool's death, and the tool needs none of what they need.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, EngineOptions, Stream, on_source_clock
from parakeet_cli.engines.nemo.process import Worker, WorkerDiedError, default_python
from parakeet_cli.engines.parakeet_tokens import Token, segments_of, words_of
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.resolve import find_model
from parakeet_cli.models.scan.model import refuse_hostile
from parakeet_cli.models.types import NEMO
from parakeet_cli.system.hardware import has_gpu
from parakeet_cli.transcript import EngineInfo

_log = logging.getLogger(__name__)

# Seconds. Long enough that what is said before and after is heard with every word, short
# enough that full attention over it costs little: its share of the encoder's work grows
# with the length, and is a sixth at two minutes.
_MAX_CHUNK_SECONDS = 120.0
# Chunks in flight: while one batch is heard the next gathers, so that it holds half of them.
# A GPU wants the 128 of NeMo's own measurements, and a CPU no more than its two minutes.
_CPU_CONCURRENCY = 16
_GPU_CONCURRENCY = 256
_CPU_SECONDS, _GPU_SECONDS = 960.0, 3840.0  # in flight: 61 and 246 MB of samples
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Tuning:
    """What tests and measurements set; it is not for users, and may change."""

    way: str | None = None  # PARAKEET_NEMO_WAY: whole, local, windows
    max_chunk_seconds: float = _MAX_CHUNK_SECONDS  # PARAKEET_NEMO_WINDOW: seconds

    @classmethod
    def from_environment(cls) -> Tuning:
        return cls(
            way=os.environ.get("PARAKEET_NEMO_WAY") or None,
            max_chunk_seconds=float(os.environ.get("PARAKEET_NEMO_WINDOW") or _MAX_CHUNK_SECONDS),
        )


class Nemo:
    """A Parakeet, or any NeMo model with a transducer or CTC head.

    The worker makes batches of the chunks in flight. A chunk that was in work
    when the worker died is tried once more, alone, in a new one.
    """

    needs_all_audio = False

    def __init__(self, options: EngineOptions, *, concurrency: int) -> None:
        self._options = options
        self._tuning = Tuning.from_environment()
        self._python = _interpreter(options.ml_python)
        self._model = find_model(
            options.model, kind=NEMO, offline=options.offline, progress=options.progress
        )
        self._language = _language(self._model.name, options.language)
        device = options.device
        if device == "auto":  # what the worker finds is told once it is loaded
            device = "cuda" if has_gpu() else "cpu"
        self.max_chunk_seconds = self._tuning.max_chunk_seconds
        many, self.max_inflight_seconds = (
            (_CPU_CONCURRENCY, _CPU_SECONDS)
            if device == "cpu"
            else (_GPU_CONCURRENCY, _GPU_SECONDS)
        )
        self.concurrency = 1 if concurrency == 1 else many
        self.info = EngineInfo("nemo", self._model.name, device, "NeMo")
        self._frame_seconds = 0.08
        self._worker: Worker | None = None
        self._lock = Lock()  # who starts the next worker

    def load(self) -> None:
        with self._lock:
            self._worker = self._started()

    def _started(self) -> Worker:
        worker = Worker(self._python)
        try:
            # While the worker imports NeMo, which takes far longer, and before it has the file.
            if not self._options.trust_model:
                refuse_hostile(self._model.path)
            found = worker.ask(
                "load",
                wanted={
                    "path": str(self._model.path.absolute()),
                    "device": self._options.device,
                    "threads": self._options.threads,
                    "trusted": self._options.trust_model,
                },
            )
        except WorkerDiedError as death:
            raise EngineUnavailable(
                f"NeMo's worker died while it loaded {self._model.name}: {death}.",
                hint=f"parakeet doctor --deep --python {self._python}",
            ) from death
        except BaseException:
            worker.kill()
            raise
        self._frame_seconds = found["frame_seconds"]
        self.info = EngineInfo("nemo", self._model.name, found["device"], f"NeMo {found['nemo']}")
        _log.info("%s", _loaded(found))
        return worker

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        if not chunk.length:
            return ChunkResult((), self._language)
        strikes = 0
        while True:
            worker = self._living()
            try:
                found = worker.ask("hear", chunk.samples, alone=strikes > 0, way=self._tuning.way)
            except WorkerDiedError as death:
                # Those that only waited in line when it died go to the next one as they are.
                strikes += death.begun
                if strikes == _TRIES:
                    raise EngineError(
                        f"NeMo's worker died over the sound from {chunk.start:.2f} to "
                        f"{chunk.end:.2f} s, twice: {death}"
                    ) from death
                _log.info("NeMo's worker died: %s. A new one goes on.", death)
            else:
                return ChunkResult(
                    on_source_clock(chunk, self._segments(chunk, found)), self._language
                )

    def _segments(self, chunk: Chunk, found: dict[str, Any]) -> list[Any]:
        each, most = self._frame_seconds, chunk.duration
        tokens = [
            Token(piece, min(start * each, most), min(end * each, most), probability)
            for piece, (start, end), probability in zip(
                found["pieces"], found["frames"], found["probabilities"], strict=True
            )
        ]
        return segments_of(words_of(tokens))

    def _living(self) -> Worker:
        """The worker, or a new one where it has died; raises EngineUnavailable."""
        with self._lock:
            assert self._worker is not None, "load() comes first"
            if self._worker.dead:
                self._worker = self._started()
            return self._worker

    def open_stream(self) -> Stream:
        return _Utterance(self._living)

    def close(self) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.close()


_UTTERANCES = count(1)


class _Utterance:
    """One utterance of live speech, in the worker that was alive when it began."""

    def __init__(self, living: Callable[[], Worker]) -> None:
        self._number = next(_UTTERANCES)
        self._worker = living()
        self._ask("listen")

    def accept(self, samples: NDArray[np.float32]) -> str:
        return str(self._ask("more", samples))

    def close(self) -> None:
        if not self._worker.dead:
            self._ask("forget")

    def _ask(self, op: str, sound: NDArray[np.float32] | None = None) -> Any:
        try:
            return self._worker.ask(op, sound, utterance=self._number)
        except WorkerDiedError as death:
            raise EngineError(f"NeMo's worker died while it listened: {death}.") from death


def _interpreter(named: str | None) -> str:
    """The ML interpreter. Raises EngineUnavailable where there is none."""
    if named is None:
        return default_python()
    path = Path(named).expanduser()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise EngineUnavailable(
            f"The ML interpreter {named} is no program that can be run.",
            hint='PARAKEET_ML_PYTHON or "ml_python" in config.json names it; '
            "`parakeet doctor --python PATH` looks at one.",
        )
    # Not resolved: a virtual environment's python is a link, and is found by its own path.
    return str(path.absolute())


def _language(model: str, asked: str | None) -> str | None:
    """The language that the model hears, where it knows one only.

    Raises UsageError for one that it can't be told: which language is spoken is heard.
    """
    known = look_up(model, NEMO)
    only = "en" if known is not None and known.languages == "English" else None
    if asked not in (None, only):
        knows = "knows English only" if only else "can't be told a language"
        raise UsageError(
            f"The model {model} {knows}; --language {asked} was asked for.",
            hint="Leave --language out"
            + ("." if only else ": Parakeet hears which one is spoken."),
        )
    return only


def _loaded(found: dict[str, Any]) -> str:
    where = found["gpu"] or found["device"]
    return (
        f"NeMo {found['nemo']}, torch {found['torch']}: {found['class']} on {where} "
        f"in {found['precision']}."
    )
