"""Has the doctor install a stack in an environment, and takes that back."""

from __future__ import annotations

import os
from dataclasses import dataclass

from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.facts import Unavailable
from parakeet_cli.doctor.repair.preconditions import refused_journals
from parakeet_cli.doctor.repair.request import RepairRequest, RepairView
from parakeet_cli.doctor.repair.rollback.restore import (
    ChangedSinceRepair,
    RestoreIncomplete,
    restore_points,
    rollback,
)
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused
from parakeet_cli.doctor.repair.run import run_repair
from parakeet_cli.errors import RestoreFailed
from parakeet_cli.system.environments import KeptEnvironment
from parakeet_cli.system.locks import LockHeld

_LATER = Unavailable("setup transcribes one with the model that it is asked for")


@dataclass(frozen=True, slots=True)
class StackSource:
    """Where the packages of a stack come from, as the options say it."""

    torch_index: str | None = None
    wheelhouse: str | None = None
    offline: bool = False


def install(kept: KeptEnvironment, source: StackSource, view: RepairView) -> str | None:
    """Repair the environment until it is the stack; the id of the repair, None if there was none.

    Raises what the doctor raises: UsageError, Refused, RepairFailed, RestoreFailed.
    """
    python = str(kept.python)
    if source.offline:
        os.environ["PIP_NO_INDEX"] = "1"  # of this process and the pip that it starts
    outcome = run_repair(
        RepairRequest(
            DiagnosisRequest(
                python,
                stack=kept.stack,
                deep=True,
                sample=_LATER,
                options=("--python", python),
            ),
            yes=True,
            torch_index=source.torch_index,
            wheelhouse=source.wheelhouse,
        ),
        view,
    )
    if outcome.summary and not kept.made:  # what setup made is removed, not rolled back
        view.show_status(outcome.summary)
    with refused_journals():
        points = restore_points(kept.path) if outcome.plan.steps else []
    return points[0].id if points else None


def take_back(kept: KeptEnvironment, repair: str) -> None:
    """Roll the repair back. Raises RestoreFailed."""
    try:
        rollback(kept.path, repair)
    except (
        ChangedSinceRepair,
        JournalRefused,
        RestoreIncomplete,
        LookupError,
        LockHeld,
        OSError,
    ) as error:
        raise RestoreFailed(
            f"The repair of {kept.path} could not be undone: {error}",
            hint=f"Try: parakeet doctor rollback --python {kept.python}",
        ) from error
