"""Turns off what dependencies would send to their makers, before any of them is imported.

`parakeet_cli/__init__.py` calls `turn_off`, so every process that imports anything of ours is
covered, and so are its children. A process of the ML interpreter gets
`ml_environment`: its packages have switches of their own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# Read when the package is imported. A user's own value doesn't count: nothing is sent.
SWITCHES: Mapping[str, str] = {
    # onnxruntime: on by default on Linux in 1.30 and later; it writes a device id below ~/.cache
    # and sends events.
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",  # ray
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, transformers, datasets
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DISABLE_TELEMETRY": "1",  # their releases before 2023
    "DO_NOT_TRACK": "1",  # what several packages agreed on
}

# Packages that only an ML stack brings.
_STACK_SWITCHES: Mapping[str, str] = {
    # NeMo 3's one-logger exports where this file, or one in the working folder, says so. The
    # variable is looked at first, and an empty file names no exporter.
    "ONE_LOGGER_EXPORTER_CONFIG_PATH": os.devnull,
    "OTEL_SDK_DISABLED": "true",  # opentelemetry, which one-logger exports by
    "WANDB_MODE": "disabled",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GRADIO_ANALYTICS_ENABLED": "False",
}
# In a job of torchrun or SLURM, RANK=0 makes NeMo 3 switch one-logger on.
_REMOVED = frozenset(["RANK"])


def turn_off() -> None:
    """Turn telemetry off in this process and in those that it starts."""
    os.environ.update(SWITCHES)


def ml_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment, or this process's own, for a process of the ML interpreter."""
    base = os.environ if environment is None else environment
    kept = {name: value for name, value in base.items() if name not in _REMOVED}
    return {**kept, **SWITCHES, **_STACK_SWITCHES}
