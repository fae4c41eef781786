"""Chooses what is set up: an engine, a stack, torch's build and a model, by GPU and driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.facts import Gpus
from parakeet_cli.doctor.repair.indexes import named_sources
from parakeet_cli.doctor.stack.stack import load_stack
from parakeet_cli.doctor.stack.torch_builds import (
    CPU,
    TorchChoice,
    choose_torch_build,
    gpu_names,
    this_platform,
)
from parakeet_cli.engines.onnx.folder import is_onnx_folder
from parakeet_cli.errors import Refused, UsageError
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.resolve import is_path
from parakeet_cli.models.types import NEMO, ONNX
from parakeet_cli.setup.request import SetupRequest

ENGINES = (NEMO, ONNX)
STACK = "3.0"  # it refuses code in a model's weights, which 2.4 runs
MODELS = {NEMO: "v3", ONNX: "v3-int8"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is set up, and why."""

    engine: str
    model: str  # a name or an absolute path
    reason: str
    stack: str | None = None  # None for onnx
    torch_index: str | None = None  # as --torch-index takes it; None for onnx


def choose(request: SetupRequest, gpus: Gpus, platform: str | None = None) -> Choice:
    """The engine that was asked for, or the best one that this machine can run.

    Raises UsageError for names that don't exist or don't go together, and Refused where the
    driver doesn't know the card.
    """
    if request.engine is not None and request.engine not in ENGINES:
        raise UsageError(
            f"setup can't set up the engine '{request.engine}'.",
            hint=f"Choose one of: {', '.join(ENGINES)}. The others need no setup.",
        )
    build = _build(request, gpus, platform or this_platform())
    engine, reason = _engine(request, gpus, build)
    model = _model(request.model) or MODELS[engine]
    if engine == ONNX:
        if named := _options_of_nemo(request):
            raise UsageError(
                f"{named[0]} is for the engine nemo, not for onnx.",
                hint=f"Leave out {named[0]}, or add --engine nemo.",
            )
        return Choice(ONNX, model, reason)
    stack, index = request.stack or STACK, request.torch_index
    if index is not None:
        named_sources(load_stack(stack), index)
    if build.driver and (index is None or index.startswith("cu")):
        raise Refused(
            f"{build.reason} Nothing was changed.",
            hint=f"{build.advice} Without the GPU: parakeet setup --engine onnx",
        )
    if index is None and gpus.nvidia_smi and not gpus.devices and not gpus.hidden:
        index = load_stack(stack).torch_index.rpartition("/")[2]  # for the GPU that isn't seen yet
    return Choice(NEMO, model, reason, stack, index or build.index)


def _build(request: SetupRequest, gpus: Gpus, platform: str) -> TorchChoice:
    """torch's build for the GPUs that aren't hidden. Raises UsageError for an unknown stack."""
    pin = load_stack(request.stack or STACK).pin("torch")
    driver = gpus.devices[0].driver if gpus.devices else ""
    try:
        return choose_torch_build(gpus.devices, driver, platform, pin.spec if pin else "")
    except ValueError as error:
        return TorchChoice(CPU, f"{error}.")


def _engine(request: SetupRequest, gpus: Gpus, build: TorchChoice) -> tuple[str, str]:
    if request.engine is not None:
        return request.engine, f"--engine {request.engine}"
    if named := _options_of_nemo(request):
        return NEMO, f"{named[0]} is for it"
    if (kind := _kind_of_model(request.model)) is not None:
        return kind, f"{request.model} is a model for it"
    if build.uses_gpu:
        return NEMO, f"{gpu_names(gpus.devices)}, driver {gpus.devices[0].driver}"
    return ONNX, f"it runs on any CPU, and {_no_gpu(gpus, build)}"


def _no_gpu(gpus: Gpus, build: TorchChoice) -> str:
    if gpus.hidden and not gpus.devices:
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    if gpus.devices:
        return f"no GPU can be used: {build.reason.rstrip('.')}"
    if gpus.nvidia_smi and gpus.problem:
        return f"no GPU can be used: {gpus.problem.rstrip('.')}"
    return "nvidia-smi lists no GPU"


def _options_of_nemo(request: SetupRequest) -> list[str]:
    given = {"--stack": request.stack, "--torch-index": request.torch_index}
    return [name for name, value in given.items() if value is not None]


def _model(name: str | None) -> str | None:
    """The model as config.json has it: a path is absolute, so that it holds everywhere."""
    if name is None or not is_path(name):
        return name
    return str(Path(name).expanduser().absolute())


def _kind_of_model(name: str | None) -> str | None:
    """The engine that a model is for; None where its name doesn't say."""
    if name is None:
        return None
    path = Path(name).expanduser()
    if is_path(name):
        return NEMO if path.suffix == ".nemo" else ONNX if is_onnx_folder(path) else None
    kinds = [kind for kind in ENGINES if look_up(name, kind) is not None]
    return kinds[0] if len(kinds) == 1 else None
