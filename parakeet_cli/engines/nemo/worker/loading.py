"""Loads a .nemo file: weights only, on one device, in one precision, in evaluation mode."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .prompts import MODULE, set_prompt


class UnusableError(Exception):
    """The model or the device can't be used at all; the message says why."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """The model that the tool asks for, and how to load it."""

    path: str
    device: str = "auto"  # auto, cpu, cuda, cuda:N
    threads: int | None = None
    trusted: bool = False  # whether the weights may be a pickle of any objects


def restore(request: LoadRequest) -> Any:
    """The model on its device, in evaluation mode. Raises UnusableError."""
    import torch

    if request.threads:
        torch.set_num_threads(request.threads)
    device = _device(request.device)
    if not request.trusted:
        _load_weights_only()
    _silence_nemo()
    from nemo.collections.asr.models import ASRModel

    try:
        model = ASRModel.restore_from(request.path, map_location=torch.device("cpu"))
    except MemoryError:
        raise
    except Exception as error:  # for a file that it can't read, NeMo raises any kind of error
        raise UnusableError(
            f"NeMo can't load {Path(request.path).name}: {_first_line(error)}"
        ) from error
    model.eval()
    for part in ("encoder", "preprocessor"):
        if not hasattr(model, part):
            raise UnusableError(f"{type(model).__name__} has no {part}, so it can't transcribe.")
    set_prompt(model)
    featurizer = getattr(model.preprocessor, "featurizer", None)
    if featurizer is not None:
        featurizer.dither = 0.0  # noise for training
        featurizer.pad_to = 0
    # The features are computed in float32: bfloat16 has too few digits for a spectrum.
    model.preprocessor.to(device)
    for part in ("encoder", MODULE, "decoder", "joint"):
        if hasattr(model, part):
            getattr(model, part).to(device=device, dtype=_precision(device))
    return model


def _device(asked: str) -> Any:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        asked = "cuda" if count else "cpu"
    if asked == "cpu":
        return torch.device("cpu")
    index = int(asked.partition(":")[2] or 0)
    if index >= count:
        raise UnusableError(
            f"The device {asked} was asked for, but torch {torch.__version__} sees {count} "
            "CUDA devices.",
            "`parakeet doctor` finds out why; `--device cpu` works without a GPU.",
        )
    return torch.device("cuda", index)


def _precision(device: Any) -> Any:
    """bfloat16 if the GPU computes in it (Ampere and newer), else float32."""
    import torch

    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float32


def _load_weights_only() -> None:
    """Make torch load weights only: NeMo 2.4 asks for `weights_only=False`, which runs code."""
    import torch

    load = torch.load

    @functools.wraps(load)
    def weights_only(*arguments: Any, **options: Any) -> Any:
        return load(*arguments, **{**options, "weights_only": True})

    torch.load = weights_only


def _silence_nemo() -> None:
    import logging

    from nemo.utils import logging as nemo_logging

    nemo_logging.setLevel(logging.ERROR)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
