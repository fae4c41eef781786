"""Turns speech of a second or so into a vector that tells voices apart, with CAM++.

The network is 3D-Speaker's CAM++ for Chinese and English (Apache-2.0), which knows other languages
as well. It ships with this package; scripts/convert_speaker_models.py made it. Its sum is compared
before it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.speakers.fbank import Features
from parakeet_cli.system.files import sha256_of
from parakeet_cli.system.install_command import install_command

SIZE = 192  # values of an embedding
MODEL = Path(__file__).parent / "data" / "campplus_zh_en.onnx"
VOICE_SPACE = Path(__file__).parent / "data" / "voice_space.npz"  # read by clustering/space.py
MODEL_SHA256 = "55e2c9c3f6215c37d3419a8cabb268d28bb1eefbddabea4e5a00d090494e5f45"
VOICE_SPACE_SHA256 = "b5ca5888def2b87250d10fa9ba082eb099a28a44614e115919ceb3ce35412484"
LONGEST = 200  # frames: beyond 2 s the network would take means that the file doesn't have

_REINSTALL = "Install parakeet again in the way in which you installed it."
_BATCH = 16  # windows in one call

Embeddings = NDArray[np.float32]


def embed(windows: Sequence[Features]) -> Embeddings:
    """The embedding of each window, of length 1, shape (windows, 192).

    A window has shape (frames, 80) and at most 200 frames; the mean of each bin is taken off.
    Raises EngineUnavailable where the network can't be used.
    """
    found = np.zeros((len(windows), SIZE), np.float32)
    by_length: dict[int, list[int]] = {}
    for number, window in enumerate(windows):
        by_length.setdefault(len(window), []).append(number)
    for numbers in by_length.values():
        for first in range(0, len(numbers), _BATCH):
            batch = numbers[first : first + _BATCH]
            features = np.stack([windows[number] for number in batch])
            features = features - features.mean(axis=1, keepdims=True)
            found[batch] = _session().run(None, {"features": features})[0]
    return unit(found)


def unit(vectors: Embeddings) -> Embeddings:
    """The vectors at length 1; a zero stays one."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Embeddings = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return scaled


def check_models() -> None:
    """Raise EngineUnavailable where the network or the voice space is missing or was changed."""
    for path, expected in ((MODEL, MODEL_SHA256), (VOICE_SPACE, VOICE_SPACE_SHA256)):
        try:
            found = sha256_of(path)
        except OSError as error:
            raise EngineUnavailable(
                f"--speakers needs {path}, which can't be read ({error.strerror or error}).",
                hint=_REINSTALL,
            ) from error
        if found != expected:
            raise EngineUnavailable(
                f"{path} was changed: it has the SHA-256 sum {found[:16]}… and not "
                f"{expected[:16]}…. It was not loaded.",
                hint=_REINSTALL,
            )


@cache
def _session() -> Any:
    """The network, on one thread: others decode and transcribe meanwhile."""
    check_models()
    for package in ("onnxruntime", "scipy"):  # the second is imported at a recording's end
        if find_spec(package) is None:
            raise EngineUnavailable(
                f"Telling speakers apart needs the package {package}, which is not installed.",
                hint=f"{install_command(package)}, or leave out --speakers.",
            )
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
