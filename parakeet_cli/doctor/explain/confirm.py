"""Compares what a pasted text shows with an environment: is it so there, too?"""

from __future__ import annotations

from parakeet_cli.doctor.checks import CHECKS, run_checks
from parakeet_cli.doctor.explain.match import FailureMatch
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import Stack

BUILT = ("torch", "setuptools", "numpy")  # what people believe to be missing


def confirm(match: FailureMatch, facts: Facts, stack: Stack) -> str:
    """What the environment says about this guess, in one sentence; "" if nothing judges it."""
    if match.in_build:
        installed = [dist for name in BUILT if (dist := facts.installed(name)) is not None]
        there = ", ".join(f"{dist.name} {dist.version}" for dist in installed)
        return (
            f"{there or 'Nothing of it'} is installed here. The error is in the environment that "
            "pip or uv made for the build, which doesn't see it."
        )
    if match.check not in CHECKS:
        return ""
    [finding] = run_checks(facts, stack, [match.check])
    return _sentence(finding)


def _sentence(finding: Finding) -> str:
    said = f"{finding.id}: {finding.summary}"
    if finding.status is CheckStatus.OK:
        return (
            f"This environment doesn't show it ({said}). The text is of another environment, or "
            "of an earlier state of this one."
        )
    if finding.status in (CheckStatus.FAIL, CheckStatus.WARN):
        return f"This environment shows it ({said})."
    return f"This environment can't confirm it ({said})."
