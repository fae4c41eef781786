"""Loads a .nemo file: weights only, on one device, in one precision, in evaluation mode."""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .batches import MAX_BATCH
from .cuda import Cuda, NoCuda, OneGpu
from .faults import DeviceLostError, doctor_line, first_line, is_out_of_memory, why_unusable

if TYPE_CHECKING:
    from .decoding import Decoder
    from .encoding import Encoder

from .prompts import MODULE, set_prompt


class UnusableError(Exception):
    """The model or the device can't be used at all; the message says why.

    `memory` is set if the device has too little of it for the model.
    """

    def __init__(self, message: str, hint: str | None = None, *, memory: bool = False) -> None:
        super().__init__(message)
        self.hint, self.memory = hint, memory


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """The model that the tool asks for, and how to load it."""

    path: str  # of a .nemo, or of the folder that one was unpacked into
    device: str = "auto"  # auto, cpu, cuda, cuda:N
    threads: int | None = None
    trusted: bool = False  # whether the weights may be a pickle of any objects
    workers: int = 1  # processes that share the device and its memory
    max_chunk_seconds: float = 120.0  # the longest audio that will usually come
    precision: str | None = None  # float32, bfloat16 or float16; None is the device's own
    graphs: str | None = None  # the best CUDA graphs to try, after a worker was lost over better
    terms: Sequence[str] = ()  # words to expect
    text: Sequence[str] = ()  # the words of a given text


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model, ready to transcribe; `facts` say what it is and where it runs."""

    encoder: Encoder
    decoder: Decoder
    cuda: Cuda
    facts: dict[str, Any]


def load_model(request: LoadRequest, note: Callable[[str], None]) -> LoadedModel:
    """The model on its device. Raises UnusableError and LostInCaptureError."""
    import torch
    from nemo import __version__ as nemo_version

    from .decoding import make_decoder
    from .encoding import Encoder

    cuda, why_cpu = prepared_device(request)
    where = cuda.name()
    with blaming(where or "the CPU"):
        cuda.try_out()
        model = restore(request, cuda)
        decoder = make_decoder(model, cuda, note, request.graphs, request.terms, request.text)
        encoder = Encoder(model, note, cuda, workers=request.workers)
        decoder.prime(MAX_BATCH, math.ceil(request.max_chunk_seconds / encoder.frame_seconds) + 1)
        cuda.synchronize()
    if decoder.graphs:
        note(f"CUDA graphs are not used: {decoder.graphs}.")
    facts = {
        "device": str(cuda.device),
        "precision": str(next(model.encoder.parameters()).dtype).removeprefix("torch."),
        "gpu": where,
        "graphs": decoder.graph_mode if where is not None else None,
        "graphs_reason": decoder.graphs,
        "why_cpu": why_cpu,
        "nemo": nemo_version,
        "torch": torch.__version__,
        "class": type(model).__name__,
        "frame_seconds": encoder.frame_seconds,
        "ways": encoder.ways(),
    }
    return LoadedModel(encoder, decoder, cuda, facts)


def prepared_device(request: LoadRequest) -> tuple[Cuda, str | None]:
    """As `choose_device`, with the threads that were asked for."""
    import torch

    if request.threads:
        torch.set_num_threads(request.threads)
    with blaming(request.device):
        return choose_device(request.device)


@contextmanager
def blaming(where: str) -> Iterator[None]:
    """Raises UnusableError in the place of an error of the device `where`."""
    try:
        yield
    except (UnusableError, DeviceLostError):
        raise
    except Exception as error:
        reason = why_unusable(error, where)
        if reason is None:
            raise
        raise UnusableError(*reason, memory=is_out_of_memory(error)) from error


def restore(request: LoadRequest, cuda: Cuda | None = None, family: Any = None) -> Any:
    """The model on its device, in evaluation mode. Raises UnusableError.

    `family` is the class of NeMo's that restores it; None is the one that transcribes.
    """
    import torch

    cuda = cuda or choose_device(request.device)[0]
    if not request.trusted:
        _load_weights_only()
    _silence_nemo()

    try:
        model = _restore_from(request.path, family)
    except Exception as error:  # for a file that it can't read, NeMo raises any kind of error
        if is_out_of_memory(error):
            raise
        raise UnusableError(
            f"NeMo can't load {Path(request.path).name}: {first_line(error)}"
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
    model.preprocessor.to(cuda.device)
    precision = getattr(torch, request.precision or precision_for(cuda.capability()))
    if precision == torch.float32:
        cuda.allow_tf32()
    for part in ("encoder", MODULE, "decoder", "joint"):
        if hasattr(model, part):
            getattr(model, part).to(device=cuda.device, dtype=precision)
    return model


def _restore_from(path: str, family: Any) -> Any:
    import torch
    from nemo.collections.asr.models import ASRModel
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    family = family or ASRModel
    if not Path(path).is_dir():
        return family.restore_from(path, map_location=torch.device("cpu"))
    connector = SaveRestoreConnector()
    connector.model_extracted_dir = path
    # NeMo looks for the files that a configuration names in the working directory first.
    before = Path.cwd()
    os.chdir(path)
    try:
        return family.restore_from(
            path, map_location=torch.device("cpu"), save_restore_connector=connector
        )
    finally:
        os.chdir(before)


def choose_device(asked: str) -> tuple[Cuda, str | None]:
    """The device, and why it is the CPU if `auto` was asked for. Raises UnusableError."""
    import torch

    if asked == "cpu":
        return NoCuda(), None
    # Of a driver that is too old, torch speaks in a warning only.
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    why = _why_no_gpu(torch.__version__, torch.version.cuda, [str(one.message) for one in said])
    if asked == "auto" and not count:
        return NoCuda(), why
    index = int(asked.partition(":")[2] or 0)
    if index < count:
        return OneGpu(index), None
    if count:
        why = f"torch {torch.__version__} sees {count} CUDA devices"
    raise UnusableError(
        f"The device {asked} was asked for, but {why}.",
        f"`{doctor_line()}` finds out why; `--device cpu` works without a GPU.",
    )


def _why_no_gpu(version: str, cuda: str | None, warned: list[str]) -> str:
    if cuda is None:
        return f"torch {version} is built without CUDA"
    for text in warned:
        if "CUDA" in text:
            said = text.partition("(Triggered")[0].strip(" .")
            return f"torch {version} can't use it: {said}"
    return f"torch {version} sees 0 CUDA devices"


def precision_for(capability: tuple[int, int] | None) -> str:
    """The precision that a GPU of this compute capability is fast in; a CPU has none.

    Ampere (8.0) and newer compute in bfloat16, Volta (7.0) and Turing (7.5) in float16.
    """
    if capability is None or capability < (7, 0):
        return "float32"
    return "bfloat16" if capability >= (8, 0) else "float16"


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
