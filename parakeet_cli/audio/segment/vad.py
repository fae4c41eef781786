"""How likely each 32 ms of sound is speech: Silero VAD, as sound streams by."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.errors import EngineUnavailable

FRAME = 512  # samples a frame at 16 kHz (32 ms): the only length Silero v6 takes
_CONTEXT = 64  # samples of the frame before, which the model wants in front of each
_STATE = (1, 1, 128)  # shape of the recurrent state's two halves
_BATCH = 2048  # frames given to the model at once; bounds its memory

# Below this peak speech is quieter than what the model was trained on, and it hears
# nothing where an engine, which normalises its features, still hears words.
_QUIET_PEAK = 0.25
_PEAK_HALF_LIFE = 10 / 0.032  # frames: a loud word ten seconds ago still counts by half
_MAX_GAIN = 40.0  # 32 dB: more would raise the noise of a silent 16-bit recording


class SpeechDetector:
    """Speech probability of each frame of one recording; keeps state between calls."""

    def __init__(self) -> None:
        self._session = _load_session()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the next samples don't follow the last ones."""
        self._hidden = np.zeros(_STATE, dtype=np.float32)
        self._cell = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._peak = 0.0

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames of shape (n, 512) to probabilities of shape (n,), each 0..1."""
        batches = range(0, len(frames), _BATCH)
        probabilities = [self._batch(frames[at : at + _BATCH]) for at in batches]
        return np.concatenate(probabilities) if probabilities else np.zeros(0, dtype=np.float32)

    def _batch(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
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

    def _gain(self, frames: NDArray[np.float32]) -> float:
        """What brings a quiet recording up to where the model hears it; 1 for most."""
        decayed = self._peak * 0.5 ** (len(frames) / _PEAK_HALF_LIFE)
        self._peak = max(float(np.abs(frames).max()), decayed)
        if self._peak == 0.0:
            return 1.0
        return float(np.clip(_QUIET_PEAK / self._peak, 1.0, _MAX_GAIN))


@cache
def _load_session() -> Any:
    # The model is found without importing faster_whisper, which costs 0.3 s and more.
    spec = find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise EngineUnavailable(
            "The speech detector's model is missing: the package faster-whisper is not installed.",
            hint="pip install faster-whisper, or run with --no-vad",
        )
    found = sorted((Path(spec.origin).parent / "assets").glob("silero_vad*.onnx"))
    if not found:
        raise EngineUnavailable(
            "The installed faster-whisper carries no Silero VAD model.",
            hint="pip install 'faster-whisper>=1.2.1'",
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
