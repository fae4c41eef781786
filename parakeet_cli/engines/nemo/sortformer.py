"""Says who speaks when by NVIDIA's Sortformer, in a worker process of the ML interpreter.

It is beside the engine, whichever that is: nothing of NeMo or torch is imported here, and a crash
there costs the recording that is in work.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.engine import ml_python
from parakeet_cli.engines.nemo.packages import require_packages
from parakeet_cli.engines.nemo.process import NemoProcess, WorkerDiedError
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError
from parakeet_cli.models.registry import by_repository, look_up
from parakeet_cli.models.resolve import find_model, is_path
from parakeet_cli.models.scan.model import private_copy
from parakeet_cli.models.types import SPEAKERS, KnownModel

_log = logging.getLogger(__name__)

# In frames of 80 ms: what NVIDIA's model card calls "very high latency", 30 s, which makes the
# fewest errors of its settings. A file has no use for a lower latency.
STREAMING = {
    "chunk_len": 340,
    "chunk_left_context": 1,
    "chunk_right_context": 40,
    "fifo_len": 40,
    "spkcache_update_period": 300,
    "spkcache_len": 188,
}
# Seconds of a recording that wait for what follows them: a chunk and its context.
_WAITING = 0.08 * (STREAMING["chunk_len"] + STREAMING["chunk_right_context"])
_PART = 30 * SAMPLE_RATE  # samples in one request: a message of 2 MB
_MAX_DEATHS = 3  # of workers in a row, without one recording: then it isn't the audio
_NUMBERS = count(1)

Spans = NDArray[np.float64]
Probabilities = NDArray[np.float32]


class Sortformer:
    """One model for many recordings. For use by many threads, which take turns.

    Making it is cheap, and raises EngineUnavailable where it can't work: NeMo 3.0 or the model is
    missing. The first recording loads it. `most` is how many speakers it is to know apart.
    """

    def __init__(self, model: str, options: EngineOptions, *, most: int | None = None) -> None:
        self._options, self._most = options, most
        self._python = ml_python(options.ml_python)
        require_packages(
            self._python,
            _row_of(model),
            user=f"--speakers-model {model}",
            instead="without that option, --speakers needs neither.",
        )
        self._model = find_model(
            model, kind=SPEAKERS, offline=options.offline, progress=options.progress
        )
        self._lock = Lock()  # one thread starts the next worker
        self._worker: NemoProcess | None = None
        self._loading: NemoProcess | None = None  # the worker that loads the model
        self._deaths = 0  # of workers, since the last whole recording
        self._facts: dict[str, Any] = {}
        self._unusable: EngineUnavailable | None = None  # why it can't be loaded

    def open(self) -> SortformerRecording:
        """Begin a recording. Raises EngineUnavailable, and UsageError for too many speakers."""
        with self._lock:
            if self._unusable is not None:  # other threads needn't try it in their turn
                raise self._unusable
            if self._worker is not None and self._worker.dead:
                self._deaths += 1
            if self._worker is None or self._worker.dead:
                try:
                    self._worker = self._start_worker()
                except EngineUnavailable as error:
                    self._unusable = error
                    raise
            return SortformerRecording(self, self._worker, self._facts["frame_seconds"])

    def count_success(self) -> None:
        """Note that a recording has all its frames."""
        self._deaths = 0

    def close(self) -> None:
        """Free the model. The next recording would load it again.

        A thread that waits for the model to be loaded gets an error: it isn't waited for.
        """
        if (loading := self._loading) is not None:
            loading.kill()
        with self._lock:
            if self._worker is not None:
                self._worker.close()
            self._worker = self._unusable = None

    def _start_worker(self) -> NemoProcess:
        if self._deaths >= _MAX_DEATHS:
            raise EngineUnavailable(
                f"NeMo's worker died {self._deaths} times in a row while {self._model.name} told "
                "speakers apart.",
                hint=self._doctor,
            )
        worker = self._loading = NemoProcess(self._python, self._worker)
        try:
            self._facts = self._load_in(worker)
        except WorkerDiedError as death:
            raise EngineUnavailable(
                f"NeMo's worker died while it loaded {self._model.name}: {death}.",
                hint=self._doctor,
            ) from death
        except BaseException:
            worker.kill()
            raise
        finally:
            self._loading = None
        known = self._facts["speakers"]
        if self._most is not None and self._most > known:
            worker.kill()
            raise UsageError(
                f"{self._model.name} tells {known} speakers apart, and --speakers {self._most} "
                "was asked for.",
                hint="Without --speakers-model there is no such limit.",
            )
        worker.runs_on(gpu=self._facts["gpu"] is not None)
        where = self._facts["gpu"] or "the CPU"
        _log.info("Speakers: %s, NeMo %s, on %s.", self._model.name, self._facts["nemo"], where)
        if self._facts["why_cpu"]:
            _log.info("Speakers: no GPU is used: %s.", self._facts["why_cpu"])
        return worker

    def _load_in(self, worker: NemoProcess) -> dict[str, Any]:
        """Have the worker load the model; what it says about it.

        The model is always scanned: --trust-model is about the engine's.
        """
        with private_copy(self._model.path.absolute(), any_kind=True) as source:
            model = {
                "path": str(source),
                "device": self._options.device,
                "threads": self._options.threads,
            }
            facts: dict[str, Any] = worker.request(
                "load_diarizer", model=model, streaming=STREAMING
            )
        return facts

    @property
    def _doctor(self) -> str:
        return f"parakeet doctor --deep --python {self._python}"


def _row_of(model: str) -> KnownModel:
    """The model's row, for what it needs of NeMo: a file needs what the published ones do."""
    if not is_path(model) and (known := look_up(model, SPEAKERS)) is not None:
        return known
    return replace(by_repository(model, SPEAKERS), name=Path(model).name)


@dataclass(slots=True)
class SortformerRecording:
    """One recording: takes its chunks in their order, and has the probability of each speaker.

    The worker gets the speech without the silences that were left out, as the engine does, and
    `_places` says where on the recording's clock each part of it lies. A frame leaves 40 bytes:
    18 MB for ten hours of speech.
    """

    _diarizer: Sortformer
    _worker: NemoProcess
    _frame_seconds: float
    _number: int = field(default_factory=lambda: next(_NUMBERS))
    _sent: int = 0  # samples
    _places: list[tuple[float, float]] = field(default_factory=list)  # seconds sent, and the clock
    _frames: list[Probabilities] = field(default_factory=list)
    _ended: bool = False

    def add(self, chunk: Chunk) -> None:
        """Look at the speakers of a chunk. Raises EngineError, also if the worker died over it."""
        skipped = chunk.overlap  # seconds that the chunk before had, too
        ends = [piece.offset for piece in chunk.pieces[1:]] + [chunk.duration]
        for piece, end in zip(chunk.pieces, ends, strict=True):
            first = max(piece.offset, skipped)
            if first < end:
                sent = self._sent / SAMPLE_RATE + first - skipped
                self._places.append((sent, piece.start + first - piece.offset))
        samples = chunk.samples[round(skipped * SAMPLE_RATE) :]
        for begin in range(0, len(samples), _PART):
            self._send(samples[begin : begin + _PART], last=False)
        self._sent += len(samples)

    def close(self) -> None:
        """No more comes: take the last frames, and free the worker's part. Raises EngineError."""
        if not self._ended and self._sent and not self._worker.dead:
            self._ended = True
            self._send(np.zeros(0, np.float32), last=True)
            self._diarizer.count_success()

    def _send(self, samples: NDArray[np.float32], *, last: bool) -> None:
        try:
            frames = self._worker.request(
                "accept_recording",
                samples,
                earlier_seconds=min(_WAITING, self._sent / SAMPLE_RATE),
                recording=self._number,
                last=last,
            )
        except WorkerDiedError as death:
            at = self._on_clock(np.array([self._sent / SAMPLE_RATE]))[0] if self._places else 0.0
            raise EngineError(
                f"NeMo's worker died while it told the speakers apart, at {at:.0f} s: {death}.",
                hint="Without --speakers-model, other code does it.",
            ) from death
        if frames:
            self._frames.append(np.array(frames, np.float32))

    def activity(self) -> tuple[Spans, Probabilities]:
        """When each frame begins and ends on the recording's clock in seconds, shape (n, 2).

        And each speaker's probability in it, shape (n, speakers). In the order of the starts.
        """
        if not self._frames:
            return np.zeros((0, 2)), np.zeros((0, 1), np.float32)
        probabilities = np.concatenate(self._frames)
        half = self._frame_seconds / 2
        middles = (np.arange(len(probabilities)) * 2 + 1) * half
        middles = self._on_clock(np.minimum(middles, self._sent / SAMPLE_RATE))
        order = np.argsort(middles, kind="stable")
        return np.stack((middles - half, middles + half), 1)[order], probabilities[order]

    def _on_clock(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where on the recording's clock seconds of what was sent lie."""
        sent, clock = np.array(self._places).T
        piece = np.searchsorted(sent, seconds, side="right") - 1
        found: NDArray[np.float64] = clock[piece] + seconds - sent[piece]
        return found
