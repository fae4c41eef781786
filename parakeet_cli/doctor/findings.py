"""The doctor's results: findings, and the diagnosis that contains them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

SCHEMA = "parakeet.doctor/1"
NOTHING_TO_DO = "Nothing has to be done"  # a remedy that begins so needs no action


class CheckStatus(StrEnum):
    """The result of a check. `unknown` is never a pass; a skipped check has its reason."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: what is wrong, why it matters, and what to type.

    `summary` says what is wrong in one line. `detail` is the evidence, one fact a line, and
    `source` a link to where the rule comes from. `stages` are the steps of the documented
    order that repair it, empty if none can (a driver, a variable). `packages` are the
    distributions that it is about, and `missing` those of them that aren't installed.
    """

    id: str
    status: CheckStatus
    summary: str
    why: str = ""
    detail: str = ""
    remedy: str = ""
    source: str = ""
    stages: tuple[int, ...] = ()
    packages: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return self.status not in (CheckStatus.FAIL, CheckStatus.UNKNOWN)

    def as_json(self) -> dict[str, str]:
        """The finding's fields of `parakeet.doctor/1`."""
        fields = asdict(self)
        for internal in ("stages", "packages", "missing"):
            del fields[internal]
        return {**fields, "status": self.status.value}


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """A row of the table: a requirement of the stack and what is installed."""

    stage: int
    package: str
    requirement: str
    installed: str  # "" if it is missing
    status: CheckStatus


@dataclass(frozen=True, slots=True)
class StageRows:
    """One step of the documented order, with the rows of its requirements."""

    number: int
    title: str
    rows: tuple[RequirementRow, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about one interpreter, checked against one stack."""

    python: str
    stack: str
    findings: tuple[Finding, ...]
    stages: tuple[StageRows, ...] = ()
    deep_command: str = "parakeet doctor --deep"
    notes: tuple[str, ...] = ()  # other problems, such as an unwritable cache
    has_pip: bool = True  # whether the interpreter has pip

    @property
    def healthy(self) -> bool:
        """At least one finding, and none of them `fail` or `unknown`."""
        return bool(self.findings) and all(finding.healthy for finding in self.findings)

    @property
    def unhealthy(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.healthy)

    def as_json(self) -> dict[str, object]:
        """The report of `parakeet.doctor/1`. A repair fills in `plan`."""
        return {
            "schema": SCHEMA,
            "python": self.python,
            "stack": self.stack,
            "healthy": self.healthy,
            "findings": [finding.as_json() for finding in self.findings],
            "plan": None,
        }


def join_lines(parts: Iterable[str]) -> str:
    """The parts that aren't empty, one a line."""
    return "\n".join(part for part in parts if part)
