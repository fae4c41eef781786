"""Detects speech with Silero VAD: the speech probability of each 32 ms of a stream."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Samples
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.system.install_command import install_command

_CONTEXT = 64  # samples of the frame before, which the model takes in front of each
_STATE = (1, 1, 128)  # shape of the recurrent state's two halves
_BATCH = 2048  # frames given to the model at once; bounds its memory

# Speech below this peak is quieter than the model's training data, and the model misses it,
# while an engine, which normalises its features, still transcribes it.
_QUIET_PEAK = 0.25
_PEAK_HALF_LIFE = 10 / 0.032  # frames: a loud word ten seconds ago still counts by half
_MAX_GAIN = 40.0  # 32 dB: more would raise the noise of a silent 16-bit recording


class Detector(Protocol):
    """The speech probability of each frame of one recording, in order."""

    def __call__(self, frames: Samples) -> NDArray[np.float32]:
        """Frames of shape (n, 512) to probabilities of shape (n,), each 0..1."""
        ...

    def reset(self) -> None:
        """Drop all state: the next frames don't continue the last ones."""
        ...


class SpeechDetector:
    """Silero VAD as a `Detector`; it has state between calls."""

    def __init__(self) -> None:
        self._session = _load_session()
        self.reset()

    def reset(self, peak: float = 0.0) -> None:
        """Drop all state: the next frames don't continue the last ones.

        `peak` is that of the sound around them, which decides how loud they are made.
        """
        self._hidden = np.zeros(_STATE, dtype=np.float32)
        self._cell = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._peak = peak

    def __call__(self, frames: Samples) -> NDArray[np.float32]:
        """Frames of shape (n, 512) to probabilities of shape (n,), each 0..1."""
        batches = range(0, len(frames), _BATCH)
        probabilities = [self._batch(frames[at : at + _BATCH]) for at in batches]
        return np.concatenate(probabilities) if probabilities else np.zeros(0, dtype=np.float32)

    def _batch(self, frames: Samples) -> NDArray[np.float32]:
        given = np.empty((len(frames), _CONTEXT + FRAME), dtype=np.float32)
        given[:, _CONTEXT:] = frames
        given[0, :_CONTEXT] = self._context
        given[1:, :_CONTEXT] = frames[:-1, -_CONTEXT:]
        self._context = frames[-1, -_CONTEXT:].copy()
        given *= self._gain(frames)
        output, self._hidden, self._cell = self._session.run(
            None, {"input": given, "h": self._hidden, "c": self._cell}
        )
        return np.asarray(output, dtype=np.float32).reshape(-1)

    def _gain(self, frames: Samples) -> float:
        """The factor that makes a quiet recording loud enough for the model; 1 for most."""
        decayed = self._peak * 0.5 ** (len(frames) / _PEAK_HALF_LIFE)
        self._peak = max(float(np.abs(frames).max()), decayed)
        if self._peak == 0.0:
            return 1.0
        return float(np.clip(_QUIET_PEAK / self._peak, 1.0, _MAX_GAIN))


@cache
def _load_session() -> Any:
    # Locate the model without importing faster_whisper, which takes 0.3 s and more.
    spec = find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise EngineUnavailable(
            "The speech detector's model is missing: the package faster-whisper is not installed.",
            hint=f"{install_command('faster-whisper')}, or run with --no-vad",
        )
    found = sorted((Path(spec.origin).parent / "assets").glob("silero_vad*.onnx"))
    if not found:
        raise EngineUnavailable(
            "The installed faster-whisper doesn't include a Silero VAD model.",
            hint=install_command("faster-whisper"),
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread: the model is small, and waiting threads would spin on cores the engine needs.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        str(found[-1]), sess_options=options, providers=["CPUExecutionProvider"]
    )
