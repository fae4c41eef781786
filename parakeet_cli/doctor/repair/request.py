"""The request of a repair, the view that it reports to, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.findings import Diagnosis, Finding
from parakeet_cli.doctor.repair.pip import PipProgress
from parakeet_cli.doctor.repair.plan import Plan
from parakeet_cli.errors import ExitCode


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """Which environment is repaired, and how."""

    diagnosis: DiagnosisRequest  # `only` and `skip` choose the findings; every check is run
    dry_run: bool = False
    yes: bool = False  # don't ask before changing anything
    reinstall: bool = False  # the whole stack
    download: bool = False  # with dry_run: fill the wheelhouse
    torch_index: str | None = None
    wheelhouse: str | None = None


class RepairView(Protocol):
    """Shows a repair to a person, and asks."""

    def show_status(self, text: str) -> None:
        """Show what happens now."""

    def show_progress(self, progress: PipProgress) -> None:
        """Show how far pip is."""

    def show_plan(self, plan: Plan) -> None:
        """Show the plan, before anything is changed."""

    def confirm(self) -> bool | None:
        """Whether the person agrees to it; None if there is no terminal to ask on."""


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """How a repair ended: what is the case now, and what was planned."""

    diagnosis: Diagnosis
    plan: Plan
    summary: str = ""  # of what was changed; empty if nothing was

    @property
    def remaining(self) -> tuple[Finding, ...]:
        """What still fails: after the repair, or, where it is only planned, would still."""
        planned = self.plan.ids if self.plan.steps and not self.summary else frozenset()
        return tuple(one for one in self.diagnosis.unhealthy if one.id not in planned)

    @property
    def code(self) -> ExitCode:
        return ExitCode.OK if self.diagnosis.healthy else ExitCode.FAILED
