"""Tells an environment in which nothing of the ML stack is installed from one that is broken."""

from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.checks.common import (
    NEW_ENVIRONMENT,
    REPAIR_THERE,
    CheckContext,
    activated_elsewhere,
    is_unsupported,
    join_names,
)
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import NEMO, TORCH_FAMILY

STACK_INSTALLED = "stack-installed"
# What only an ML stack brings. NumPy, fsspec and others of its pins come with any program.
CORE = ("torch", *TORCH_FAMILY, NEMO, "lightning", "pytorch-lightning", "torchmetrics")
SETUP = "parakeet setup"


def nothing_installed(facts: Facts) -> bool:
    """Whether no package of the stack is there, whole or in pieces.

    Where a folder can't be listed, or torch's files can't be read, something may be.
    """
    return (
        not any(facts.installed(name) for name in CORE)
        and facts.torch is None
        and not facts.unlisted
        and not any(_is_of_core(leftover.path) for leftover in facts.leftovers)
    )


def _is_of_core(leftover: str) -> bool:
    """Whether a `~orch` or `~emo_toolkit-2.4.0.dist-info` was a package of the stack."""
    tail = Path(leftover).name.lstrip("~-").split("-")[0].lower().replace("_", "-")
    return bool(tail) and any(name.endswith(tail) for name in (*CORE, "nemo"))


def stack_installed(context: CheckContext) -> Finding:
    """Something of the stack is there to be judged."""
    facts, stack = context.facts, context.stack
    why = (
        "Only the engine nemo needs it. What works without it: parakeet transcribe and "
        "parakeet dictate, with the model that is built in, or with Parakeet by the engine onnx."
    )
    if nothing_installed(facts):
        by_hand = facts.repair_command
        if is_unsupported(facts, stack):
            by_hand = f"{NEW_ENVIRONMENT}, then {REPAIR_THERE}"
        other = activated_elsewhere(facts)
        return Finding(
            STACK_INSTALLED,
            CheckStatus.FAIL,
            "nothing of PyTorch and NVIDIA NeMo is installed here",
            why,
            remedy=join_lines(
                [
                    SETUP,
                    f"by hand: {by_hand}",
                    f"{other}: {other.path}\n{other.remedy}" if other else "",
                ]
            ),
            stages=tuple(stage.number for stage in stack.stages),
        )
    there = [name for name in CORE if facts.installed(name)]
    summary = f"{join_names(there)} installed" if there else "files of the stack are here"
    return Finding(STACK_INSTALLED, CheckStatus.OK, summary, why)
