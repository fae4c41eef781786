"""Checks for releases that fail together although every declared requirement is met.

The table is `combinations.toml`. A combination that applies changes the finding of the
check that reports it: a pass becomes a warning or a failure, a failure gets one more line
of evidence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.checks.common import pip_command
from parakeet_cli.doctor.facts import Facts, Gpus, ModelCache, TorchBuild
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_strings import allows

NIGHTLY = re.compile(r"\.dev(20\d{6})")
SEVERITY = {
    CheckStatus.SKIP: 0,
    CheckStatus.OK: 0,
    CheckStatus.WARN: 1,
    CheckStatus.UNKNOWN: 2,
    CheckStatus.FAIL: 3,
}


@dataclass(frozen=True, slots=True)
class Combination:
    """One row of the table. Its file explains the fields."""

    row: int
    check: str
    status: CheckStatus
    summary: str
    why: str
    remedy: str
    link: str
    when: Mapping[str, str] = field(default_factory=dict)
    newer: tuple[str, ...] = ()

    def applies(self, versions: Mapping[str, str]) -> bool:
        """Whether everything it names is installed in an affected version."""
        if not all(allows(bound, versions.get(name)) for name, bound in self.when.items()):
            return False
        return not self.newer or _is_newer(*(versions.get(name, "") for name in self.newer))


@cache
def combinations() -> tuple[Combination, ...]:
    text = (Path(__file__).parents[1] / "stack" / "combinations.toml").read_text("utf-8")
    return tuple(
        Combination(
            **{**row, "status": CheckStatus(row["status"]), "newer": tuple(row.get("newer", ()))}
        )
        for row in tomllib.loads(text)["combination"]
    )


def add_combinations(finding: Finding, facts: Facts) -> Finding:
    """The finding, changed by the combinations of its check that apply."""
    rows = [row for row in combinations() if row.check == finding.id]
    if not rows or facts.mock:
        return finding
    versions = _versions(facts)
    for row in rows:
        if row.applies(versions):
            finding = _add(finding, row, versions, facts)
    return finding


def _add(finding: Finding, row: Combination, versions: Mapping[str, str], facts: Facts) -> Finding:
    summary = _fill(row.summary, versions)
    if SEVERITY[finding.status] >= SEVERITY[row.status]:
        return replace(finding, detail=join_lines([finding.detail, summary]))
    commands = {"repair": facts.repair_command, "pip": pip_command(facts)}
    return replace(
        finding,
        status=row.status,
        summary=summary,
        why=row.why,
        remedy=_fill(row.remedy, {**versions, **commands}),
        source=row.link,
    )


def _versions(facts: Facts) -> dict[str, str]:
    """Every version that the table may name; unknown ones are left out."""
    versions = {dist.name: dist.version for dist in reversed(facts.distributions) if dist.version}
    torch, gpus, cache = facts.torch, facts.gpus, facts.model_cache
    if isinstance(torch, TorchBuild):
        versions["torch"] = torch.version
        if torch.cuda:
            versions["torch cuda"] = torch.cuda
        if nightly := NIGHTLY.search(torch.version):
            versions["torch nightly"] = nightly[1]
    if isinstance(gpus, Gpus) and gpus.present and gpus.cuda:
        versions["driver cuda"] = gpus.cuda
    if isinstance(gpus, Gpus) and gpus.devices:
        versions["gpu"] = max(gpus.devices, key=lambda gpu: gpu.numbers).capability
    if isinstance(cache, ModelCache):
        versions |= {f"model {model}": "1" for model in cache.models}
    return versions


def _is_newer(one: str, other: str) -> bool:
    try:
        return Version(one).release[:2] > Version(other).release[:2]
    except InvalidVersion:  # one of the two is not installed
        return False


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Replace `{torch cuda}` and the like. str.format can't: the names contain spaces."""
    return re.sub(r"\{([^{}]+)\}", lambda name: values.get(name[1], name[0]), text)
