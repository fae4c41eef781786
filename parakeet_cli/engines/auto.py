"""Chooses the engine for `auto`, from files alone: no engine's packages are imported.

nemo where the ML interpreter has a whole stack, a GPU and a cached model; else onnx where its
packages are installed and a model is cached; else the embedded Whisper. A model asked for by
name decides by itself: it is never replaced by another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from parakeet_cli.engines.base import EngineChoice
from parakeet_cli.engines.decoding import Decoding, in_words
from parakeet_cli.engines.nemo.stack_check import missing_from_stack, torch_without_cuda
from parakeet_cli.engines.onnx.engine import default_model
from parakeet_cli.engines.onnx.folder import is_onnx_folder
from parakeet_cli.models.cache import find_cached
from parakeet_cli.models.registry import DEFAULT, look_up
from parakeet_cli.models.resolve import is_path
from parakeet_cli.models.types import NEMO, ONNX, WHISPER
from parakeet_cli.system.hardware import has_gpu
from parakeet_cli.system.units import megabytes

_FOR_ANY_CPU = "v3-int8"


class EngineRequest(Protocol):
    """What was asked for beside an engine: the command's settings, or EngineOptions."""

    @property
    def model(self) -> str | None: ...
    @property
    def device(self) -> str: ...
    @property
    def language(self) -> str | None: ...
    @property
    def ml_python(self) -> str | None: ...
    @property
    def decoding(self) -> Decoding: ...


def choose_automatically(request: EngineRequest) -> EngineChoice:
    """The first engine that can do what was asked for; whisper where none can."""
    if request.model is not None:
        return _choose_by_model(request.model, request)
    obstacles = []
    for name, engine in _CANDIDATES.items():
        obstacle = _unfit(request) or engine.obstacle(request)
        if obstacle is None:
            model = _cached_default(name)
            if model is not None:
                return _automatic(name, f"{engine.needs} and the model {model} are available")
            obstacle = "no model for it is on this machine"
        obstacles.append(f"{name}: {obstacle}")
    return EngineChoice(WHISPER, f"auto: {'; '.join(obstacles)}", advice=_advice(request))


def _unfit(request: EngineRequest) -> str | None:
    """What was asked for that no Parakeet can honour; None if there is nothing."""
    if request.language:
        return "it doesn't accept a language"
    asked = request.decoding.asked
    return f"it has no {in_words(asked[0])}" if asked else None


def _advice(request: EngineRequest) -> str | None:
    """How to get to Parakeet, where the only thing missing is its model."""
    if _unfit(request) is not None or _onnx_obstacle(request) is not None:
        return None
    known = look_up(_FOR_ANY_CPU, ONNX)
    assert known is not None
    size = f" ({megabytes(known.size)})" if known.size else ""
    return (
        f"For Parakeet, which makes fewer errors: parakeet models pull {_FOR_ANY_CPU}{size}; "
        "with an NVIDIA GPU: parakeet setup"
    )


def _choose_by_model(model: str, request: EngineRequest) -> EngineChoice:
    if is_path(model):
        path = Path(model).expanduser()
        if path.suffix == ".nemo":
            return _automatic(NEMO, "the model is a .nemo file")
        if is_onnx_folder(path):
            return _automatic(ONNX, "the model is a folder of ONNX files")
        return _automatic(WHISPER, "the model is a folder")
    names = [name for name in _CANDIDATES if look_up(model, name) is not None]
    if not names:
        return _automatic(WHISPER, f"{model} isn't the name of a Parakeet")
    obstacles = []
    for name in names:
        engine = _CANDIDATES[name]
        if (obstacle := engine.obstacle(request)) is None:
            return _automatic(name, f"{engine.needs} are available for {model}")
        obstacles.append(f"{name}: {obstacle}")
    # None of them works here: the error of the last one says what it needs.
    return _automatic(names[-1], f"{model} is a Parakeet; {'; '.join(obstacles)}")


def _automatic(name: str, reason: str) -> EngineChoice:
    return EngineChoice(name, f"auto: {reason}")


def _nemo_obstacle(request: EngineRequest) -> str | None:
    if request.device == "cpu":
        return "--device is cpu"
    if missing := missing_from_stack(request.ml_python or sys.executable):
        return missing
    if not has_gpu():
        return "no CUDA device"
    torch = torch_without_cuda(request.ml_python or sys.executable)
    return f"{torch} is built without CUDA" if torch else None


def _onnx_obstacle(request: EngineRequest) -> str | None:
    # find_spec finds a package without running its code.
    missing = [name for name in ("onnx_asr", "onnxruntime") if find_spec(name) is None]
    return f"{missing[0].replace('_', '-')} is not installed" if missing else None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An engine that `auto` prefers to whisper."""

    needs: str  # besides a model, for people
    obstacle: Callable[[EngineRequest], str | None]  # why it can't be used, in a few words


_CANDIDATES = {
    NEMO: _Candidate("a CUDA device, a whole NeMo stack", _nemo_obstacle),
    ONNX: _Candidate("onnx-asr, ONNX Runtime", _onnx_obstacle),
}


def _cached_default(kind: str) -> str | None:
    """The name of the engine's own choice of model if it is cached whole, else None."""
    name = default_model() if kind == ONNX else DEFAULT
    known = look_up(name, kind)
    return name if known is not None and find_cached(known) is not None else None
