"""Puts the cause first: orders what failed, and attaches what only follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from parakeet_cli.doctor.findings import CheckStatus, Finding

# What has to be right before anything else can be judged or installed; the others keep the
# order of the checks, which is the order of installation.
_FIRST = (
    "python-version",
    "stack-installed",
    "disk-space",
    "environment-variables",
    "user-site",
    "broken-dists",
    "duplicate-dists",
    "nemo-version",
)
_LAST = ("system-libraries", "import-probe", "gpu-probe")
_STATUS = {CheckStatus.FAIL: 0, CheckStatus.UNKNOWN: 1, CheckStatus.WARN: 2}

# Check -> the checks that fail with it. Where the same packages are at fault, one follows too.
_FOLLOWS: Mapping[str, frozenset[str]] = {
    "cuda-driver": frozenset({"torch-arch", "gpu-probe"}),
    "torch-arch": frozenset({"gpu-probe"}),
    "torch-installed": frozenset({"torch-arch", "torch-family", "cuda-toolkit", "gpu-probe"}),
    "numpy-pin": frozenset({"numpy-abi", "pyarrow-numpy"}),
    "lightning-pin": frozenset({"lightning-pair"}),
    "environment-variables": frozenset({"gpu-probe"}),
}
# Imports don't depend on these: nothing of them is loaded, or only the GPU needs it.
_NO_IMPORT = frozenset(
    {"cuda-driver", "cuda-toolkit", "torch-arch", "disk-space", "model-cache", "gpu-probe"}
)


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding with those that follow from it and need no remedy of their own."""

    finding: Finding
    follows: tuple[Finding, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are missing with the finding's own, each once."""
        names = dict.fromkeys(name for one in self.follows for name in one.missing)
        return tuple(name for name in names if name not in self.finding.missing)


def find_causes(findings: Iterable[Finding]) -> tuple[Cause, ...]:
    """What failed, is unknown or is worth knowing: the first cause first."""
    concerning = sorted((one for one in findings if one.status in _STATUS), key=_rank)
    groups: list[list[Finding]] = []
    for finding in concerning:
        group = next((group for group in groups if _belongs(finding, group)), None)
        if group is None:
            groups.append([finding])
        else:
            group.append(finding)
    return tuple(Cause(first, tuple(follows)) for first, *follows in groups)


def _rank(finding: Finding) -> tuple[int, int, int]:
    """The sort key. A driver that no step can replace comes before all that steps repair."""
    if finding.id in _LAST:
        return _STATUS[finding.status], 2, _LAST.index(finding.id)
    if finding.id == "cuda-driver" and not finding.stages:
        return _STATUS[finding.status], 0, 1
    if finding.id in _FIRST:
        return _STATUS[finding.status], 0, 2 * _FIRST.index(finding.id)
    return _STATUS[finding.status], 1, 0


def _belongs(finding: Finding, group: list[Finding]) -> bool:
    """Whether the finding follows from one of the group. Warnings neither explain nor follow."""
    if group[0].status is not CheckStatus.FAIL or finding.status is CheckStatus.WARN:
        return False
    return any(_follows(finding, cause) for cause in group)


def _follows(finding: Finding, cause: Finding) -> bool:
    if cause.id == "python-version":
        return True
    if cause.id == "stack-installed" and finding.missing:
        return True
    if finding.id in _FOLLOWS.get(cause.id, ()):
        return True
    if finding.id == "import-probe":
        return cause.id not in _NO_IMPORT
    if finding.missing and cause.missing and set(finding.packages) == set(finding.missing):
        return True
    return bool(finding.packages) and set(finding.packages) <= set(cause.packages)
