"""Says in sentences what a setup will do, where, and how much there is to download."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.models.registry import look_up
from parakeet_cli.models.types import KnownModel
from parakeet_cli.setup.choose import Choice
from parakeet_cli.setup.pythons import BasePython
from parakeet_cli.setup.request import SetupPlan, SetupRequest
from parakeet_cli.system.environments import KeptEnvironment
from parakeet_cli.system.units import megabytes

GB = 1e9
# Bytes of the wheels of stack 3.0, and of the environment that they make. The CPU's were
# measured in November 2026. CUDA's are those with torch's own libraries: NVIDIA's packages of
# CUDA 12.8 and torch's wheel for it.
CPU_DOWNLOAD, CPU_INSTALLED = 750_000_000, 2_300_000_000
CUDA_DOWNLOAD, CUDA_INSTALLED = 3_900_000_000, 8_000_000_000
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """What a plan is made of, besides the choice."""

    request: SetupRequest
    missing_model: KnownModel | None
    kept: KeptEnvironment | None
    base: BasePython | None
    config: Path


def without_credentials(index: str | None) -> str | None:
    """An index as it may be shown and stored."""
    return _CREDENTIALS.sub("", index) if index else None


def make_plan(choice: Choice, facts: SetupFacts) -> SetupPlan:
    """The plan in the order in which it is carried out."""
    stack_bytes = _stack_bytes(choice, facts)
    model_bytes = facts.missing_model.size if facts.missing_model else 0
    known = stack_bytes is not None and model_bytes is not None
    index = without_credentials(choice.torch_index)
    steps = [*_environment_steps(choice, index, stack_bytes, facts), *_model_steps(choice, facts)]
    clip = facts.request.sample
    compared = ", and compare the words" if clip.text else ""
    steps.append(f"Transcribe {clip.clip.name} with it{compared}.")
    keys = "engine, ml_python and model" if facts.kept else "engine and model"
    steps.append(f"Write {keys} to {facts.config}, so that every command uses it.")
    return SetupPlan(
        engine=choice.engine,
        stack=choice.stack,
        torch_index=index,
        model=choice.model,
        env=facts.kept.path if facts.kept else sys.prefix,
        bytes=stack_bytes + model_bytes if known else None,  # type: ignore[operator]
        steps=tuple(steps),
        reason=choice.reason,
    )


def _stack_bytes(choice: Choice, facts: SetupFacts) -> int | None:
    """What the packages of the stack take to download, about; None if that isn't known."""
    if choice.stack is None or (facts.base is None and facts.kept and facts.kept.ready):
        return 0
    if facts.request.wheelhouse is not None:
        return 0
    index = choice.torch_index or ""
    if index == "cpu":
        return CPU_DOWNLOAD
    return CUDA_DOWNLOAD if re.search(r"cu\d+$", index) else None


def _environment_steps(
    choice: Choice, index: str | None, download: int | None, facts: SetupFacts
) -> list[str]:
    kept, base = facts.kept, facts.base
    if kept is None:
        return []
    if base is not None:
        first = f"Make an environment in {kept.path} with Python {base.version} ({base.path})."
    else:
        first = f"Take the environment in {kept.path}."
    source = "torch from pip's own index" if index == "default" else f"torch from {index}"
    if facts.request.wheelhouse is not None:
        source = f"from {facts.request.wheelhouse}"
    size = ""
    if download:
        installed = CPU_INSTALLED if download == CPU_DOWNLOAD else CUDA_INSTALLED
        size = f": about {_gigabytes(download)} to download, {_gigabytes(installed)} on the disk"
    elif download is None:
        size = ": how much that is, pip says before it begins"
    return [
        first,
        f"Install and check stack {choice.stack} there, as parakeet doctor --fix does "
        f"({source}){size}.",
    ]


def _model_steps(choice: Choice, facts: SetupFacts) -> list[str]:
    missing = facts.missing_model
    if missing is None:
        where = "" if look_up(choice.model) else " from the disk"
        return [f"Take the model {choice.model}{where or ', which is downloaded already'}."]
    size = _gigabytes(missing.size) if missing.size else "of an unknown size"
    return [f"Download the model {choice.model}, {size}."]


def _gigabytes(count: int) -> str:
    return f"{count / GB:.1f} GB" if count >= GB / 10 else megabytes(count)
