"""Which engine `auto` is: told by files, without importing anything of any engine.

nemo where the ML interpreter has a whole stack, a GPU and a model at hand; else onnx where
its packages and a model are at hand; else the embedded Whisper. A model that was asked for
by name decides by itself: it is never replaced by another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from parakeet_cli.engines.nemo.stack_check import missing_from_stack
from parakeet_cli.engines.onnx.engine import default_model
from parakeet_cli.engines.onnx.folder import is_onnx_folder
from parakeet_cli.models.cache import find_cached
from parakeet_cli.models.registry import DEFAULT, look_up
from parakeet_cli.models.types import NEMO, ONNX, WHISPER
from parakeet_cli.system.hardware import has_gpu


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


def choose_automatically(request: EngineRequest) -> tuple[str, str]:
    """The engine's name, and why it is that one, for people."""
    if request.model is not None:
        return _by_model(request.model, request)
    reasons = []
    for name, why_not in _WHY_NOT.items():
        reason = "it can't be told a language" if request.language else why_not(request)
        if reason is None:
            model = _at_hand(name)
            if model is not None:
                return name, f"auto: {_TAKEN[name]} and the model {model} are at hand"
            reason = "no model for it is on this machine"
        reasons.append(f"{name}: {reason}")
    return WHISPER, f"auto: {'; '.join(reasons)}"


def _by_model(model: str, request: EngineRequest) -> tuple[str, str]:
    path = Path(model).expanduser()
    if path.suffix == ".nemo":
        return NEMO, "auto: the model is a .nemo file"
    if path.is_dir():
        if is_onnx_folder(path):
            return ONNX, "auto: the model is a folder of ONNX files"
        return WHISPER, "auto: the model is a folder"
    kinds = [kind for kind in (NEMO, ONNX) if look_up(model, kind) is not None]
    reasons = []
    for name in kinds:
        if (reason := _WHY_NOT[name](request)) is None:
            return name, f"auto: {_TAKEN[name]} are at hand for {model}"
        reasons.append(f"{name}: {reason}")
    if not kinds:
        return WHISPER, f"auto: {model} is none of the Parakeets' names"
    # None of them can: the last one says what it needs.
    return kinds[-1], f"auto: {model} is a Parakeet; {'; '.join(reasons)}"


def _why_not_nemo(request: EngineRequest) -> str | None:
    if request.device == "cpu":
        return "--device is cpu"
    if missing := missing_from_stack(request.ml_python or sys.executable):
        return missing
    return None if has_gpu() else "no CUDA device"


def _why_not_onnx(request: EngineRequest) -> str | None:
    # find_spec finds a package without running its code.
    missing = [name for name in ("onnx_asr", "onnxruntime") if find_spec(name) is None]
    return f"{missing[0].replace('_', '-')} is not installed" if missing else None


_WHY_NOT: dict[str, Callable[[EngineRequest], str | None]] = {
    NEMO: _why_not_nemo,
    ONNX: _why_not_onnx,
}
_TAKEN = {NEMO: "a CUDA device, a whole NeMo stack", ONNX: "onnx-asr, ONNX Runtime"}


def _at_hand(kind: str) -> str | None:
    """The name of the model that the engine takes by itself, where it is cached whole."""
    name = default_model() if kind == ONNX else DEFAULT
    known = look_up(name, kind)
    return name if known is not None and find_cached(known) is not None else None
