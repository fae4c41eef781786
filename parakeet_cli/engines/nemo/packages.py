"""Checks that the ML interpreter has NeMo, torch and a NeMo new enough for a model.

This comes before a model is fetched: 2.5 GB are no use to an environment that can't load them.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass

from parakeet_cli.engines.nemo.stack_check import installed_versions
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.types import KnownModel
from parakeet_cli.system.telemetry import ml_environment

_NEMO, _TORCH = "nemo-toolkit", "torch"
_SECONDS = 60.0  # for an interpreter to start from a cold disk
# Finds the packages without importing them, and not in the working folder.
_ASK = """
import json, sys
sys.path[:] = [path for path in sys.path if path]
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
def found(name, module):
    try:
        return version(name)
    except PackageNotFoundError:
        return "" if find_spec(module) is not None else None
print(json.dumps({"nemo-toolkit": found("nemo-toolkit", "nemo"), "torch": found("torch", "torch")}))
"""


@dataclass(frozen=True, slots=True)
class _Versions:
    """Of NeMo and torch: None where it isn't installed, empty where it doesn't say."""

    nemo: str | None
    torch: str | None


def require_packages(
    python: str,
    model: KnownModel | None = None,
    *,
    user: str = "The engine nemo",
    instead: str = "`--engine onnx` runs the same models without NeMo.",
) -> None:
    """Raise EngineUnavailable if NeMo or torch is missing, or NeMo is too old for the model.

    `user` is what needs them, and `instead` what works without.
    """
    versions = _read(python)
    if versions.nemo is None or versions.torch is None:
        # They may be where an environment's packages usually aren't: the interpreter knows.
        asked = _ask(python) or _Versions("", "")
        versions = _Versions(
            asked.nemo if versions.nemo is None else versions.nemo,
            asked.torch if versions.torch is None else versions.torch,
        )
    missing = [
        name for name, found in ((_NEMO, versions.nemo), (_TORCH, versions.torch)) if found is None
    ]
    if missing:
        raise EngineUnavailable(
            f"{user} needs {' and '.join(missing)}, which {python} doesn't have.",
            hint=f"`parakeet doctor {_options(python)}` says what is missing and what to type; "
            f"{instead}",
        )
    if model is not None:
        _require_nemo_for(model, versions.nemo, python)


def refuse_older_nemo(python: str, model: KnownModel) -> None:
    """Raise EngineUnavailable if the interpreter has a NeMo that is too old for the model."""
    _require_nemo_for(model, _read(python).nemo, python)


def _require_nemo_for(model: KnownModel, installed: str | None, python: str) -> None:
    if model.oldest_nemo is None or not installed or not _is_older(installed, model.oldest_nemo):
        return
    raise EngineUnavailable(
        f"The model {model.name} needs NeMo {model.oldest_nemo} or newer, and {python} has "
        f"NeMo {installed}.",
        hint=f"parakeet doctor --fix --stack {model.oldest_nemo} {_options(python)}",
    )


def _is_older(installed: str, needed: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(installed).release < Version(needed).release
    except InvalidVersion:
        return False


def _options(python: str) -> str:
    return f"--python {shlex.quote(python)}"


def _read(python: str) -> _Versions:
    """From the names of folders, in a few milliseconds."""
    installed = installed_versions(python)
    return _Versions(installed.get(_NEMO), installed.get(_TORCH))


def _ask(python: str) -> _Versions | None:
    """From the interpreter itself; None where it doesn't answer, which its worker will explain."""
    try:
        done = subprocess.run(
            [python, "-B", "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=ml_environment(),
            stdin=subprocess.DEVNULL,
            check=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
        return _Versions(answer[_NEMO], answer[_TORCH])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None
