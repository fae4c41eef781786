"""What the doctor says: findings, and the diagnosis they make together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

SCHEMA = "parakeet.doctor/1"


class CheckStatus(StrEnum):
    """How one check ended. `unknown` is never a pass; `skip` carries its reason."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in three parts: what is wrong, why it matters, what to type.

    `summary` is the what, in one line; `detail` the evidence, a line a fact; `source`
    where the rule comes from. `stages` are the steps of the documented order that mend
    it, none where no step can (a driver, a variable).
    """

    id: str
    status: CheckStatus
    summary: str
    why: str = ""
    detail: str = ""
    remedy: str = ""
    source: str = ""
    stages: tuple[int, ...] = ()

    @property
    def healthy(self) -> bool:
        return self.status not in (CheckStatus.FAIL, CheckStatus.UNKNOWN)

    def as_json(self) -> dict[str, str]:
        """The finding's fields of `parakeet.doctor/1`."""
        fields = asdict(self)
        del fields["stages"]
        return {**fields, "status": self.status.value}


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """One requirement of the stack as the table shows it: wanted, there, mark."""

    stage: int
    package: str
    wanted: str
    there: str  # "" where it is missing
    status: CheckStatus


@dataclass(frozen=True, slots=True)
class StageRows:
    """One step of the documented order with its requirements."""

    number: int
    title: str
    rows: tuple[RequirementRow, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about one interpreter, judged by one stack."""

    python: str
    stack: str
    findings: tuple[Finding, ...]
    stages: tuple[StageRows, ...] = ()
    deeper: str = "parakeet doctor --deep"
    notes: tuple[str, ...] = ()  # what went wrong beside the diagnosis: an unwritable cache

    @property
    def healthy(self) -> bool:
        """No `fail` and no `unknown`; and no findings at all is never a pass."""
        return bool(self.findings) and all(finding.healthy for finding in self.findings)

    @property
    def unhealthy(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.healthy)

    def as_json(self) -> dict[str, object]:
        """The report of `parakeet.doctor/1`; `plan` is the repair's to fill."""
        return {
            "schema": SCHEMA,
            "python": self.python,
            "stack": self.stack,
            "healthy": self.healthy,
            "findings": [finding.as_json() for finding in self.findings],
            "plan": None,
        }


def join_lines(parts: Iterable[str]) -> str:
    """Evidence as one text, a line a fact."""
    return "\n".join(part for part in parts if part)
