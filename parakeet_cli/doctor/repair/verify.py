"""Runs all checks and probes on an environment, and again after a repair to prove it.

The process that repaired has the old modules in memory and may run in the environment that it
changed, so the second time a new process imports what is there now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.diagnose import DiagnosisRequest, select_checks
from parakeet_cli.doctor.facts import Facts, Sample, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.inspect.gather import gather_facts
from parakeet_cli.doctor.probes.runner import run_probes
from parakeet_cli.doctor.repair.goal import FIXES, IMPORT_PROBE, TORCH, TORCH_CHECKS
from parakeet_cli.doctor.repair.plan import REMOVAL, Plan
from parakeet_cli.doctor.stack.stack import NEMO, Stack, choose_stack, load_stack
from parakeet_cli.system.processes import exit_in_words

SECONDS = 3600.0  # for all checks, with every stage imported from a cold disk
UNRELATED = frozenset({"disk-space"})  # changes with everything else on the machine
# The environment's own modules come first, as for any command that is started in it: a
# `python_command` would put the folder of the package before the standard library.
CHILD = """
import sys
sys.path.append(sys.argv.pop(1))
from parakeet_cli.doctor.repair.verify import child
child()
"""


class VerificationFailed(Exception):
    """The repair isn't proved: a check fails, or the checks could not be run."""


@dataclass(frozen=True, slots=True)
class CheckedEnvironment:
    """One interpreter's facts and findings, judged by one stack."""

    facts: Facts
    stack: Stack
    findings: tuple[Finding, ...]


def verify(
    before: CheckedEnvironment, plan: Plan, request: DiagnosisRequest, *, bytecode: str = ""
) -> tuple[Finding, ...]:
    """The findings after the plan was carried out. Raises VerificationFailed.

    What the imports compile goes to the folder `bytecode`, if one is named.
    """
    after = check_again(
        before.facts.interpreter.executable,
        stack=before.stack.name,
        sample=request.sample,
        options=request.options,
        bytecode=bytecode,
    )
    problems = objections(before.findings, after, findings_to_fix(before, plan))
    if _is_own_environment(before.facts) and (reason := _why_not_starting()):
        problems.append(f"parakeet itself would no longer start: {reason}")
    if problems:
        raise VerificationFailed("; ".join(problems))
    return after


def check(
    python: str,
    *,
    stack: str | None,
    sample: Sample | Unavailable,
    usual_stack: str | None = None,
    options: tuple[str, ...] = (),
    bytecode: str = "",
) -> CheckedEnvironment:
    """Run all checks and probes on the environment as it is now.

    If a stack is named, judge by it even if another NeMo is installed: the repair may be
    migrating to it. `usual_stack` counts where none is installed. What the imports compile goes
    to the folder `bytecode`, if one is named.
    """
    facts = gather_facts(python, options=options, deep=True)
    nemo = facts.installed(NEMO)
    version = nemo.version if nemo else None
    policy = load_stack(stack) if stack else choose_stack(version, usual_stack)
    ids = select_checks((), ())
    probes = run_probes(facts, policy, ids, sample, bytecode=bytecode)
    facts = replace(facts, probes=probes)
    return CheckedEnvironment(facts, policy, run_checks(facts, policy, ids))


def check_again(
    python: str,
    *,
    stack: str,
    sample: Sample | Unavailable,
    options: tuple[str, ...] = (),
    bytecode: str = "",
) -> tuple[Finding, ...]:
    """The findings of `check` in a new process. Raises VerificationFailed if that fails."""
    home = str(Path(__file__).resolve().parents[3])
    question = {
        "python": python,
        "stack": stack,
        "options": list(options),
        "bytecode": bytecode,
        ("unavailable" if isinstance(sample, Unavailable) else "sample"): asdict(sample),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", CHILD, home],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd="/",
        )
        rows = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise VerificationFailed(f"the checks did not end within {SECONDS:.0f} seconds") from error
    except (ValueError, IndexError) as error:
        raise VerificationFailed(f"the checks could not be run: {_last_line(done)}") from error
    return tuple(
        Finding(**{**row, "status": CheckStatus(row["status"]), "stages": tuple(row["stages"])})
        for row in rows
    )


def child() -> None:
    """In the new process: read what to check from stdin, print the findings to stdout."""
    question = json.loads(sys.stdin.read())
    sample: Sample | Unavailable
    if "unavailable" in question:
        sample = Unavailable(**question["unavailable"])
    else:
        sample = Sample(**question["sample"])
    options = tuple(question["options"])
    checked = check(
        question["python"],
        stack=question["stack"],
        sample=sample,
        options=options,
        bytecode=question["bytecode"],
    )
    print(json.dumps([asdict(finding) for finding in checked.findings]))


def findings_to_fix(before: CheckedEnvironment, plan: Plan) -> frozenset[str]:
    """The findings that the plan's steps must fix: those of its stages, and the imports."""
    stages = {step.stage for step in plan.steps}
    torch = any(change.name == TORCH for change in plan.changes)
    return frozenset(
        finding.id
        for finding in before.findings
        if finding.id in plan.ids
        and (
            finding.id == IMPORT_PROBE
            or stages & set(finding.stages)
            or (REMOVAL in stages and finding.id in FIXES)
        )
        and (torch or finding.id not in TORCH_CHECKS)
    )


def objections(
    before: Iterable[Finding], after: Iterable[Finding], to_fix: Collection[str]
) -> list[str]:
    """Why the repair isn't proved: what it was to fix still fails, or something got worse."""
    earlier = {finding.id: finding for finding in before}
    problems = []
    for finding in after:
        if finding.healthy or finding.id in UNRELATED:
            continue
        was = earlier.get(finding.id)
        if finding.id in to_fix:
            problems.append(f"{finding.id} still fails: {finding.summary}")
        elif was is not None and was.healthy:
            problems.append(f"{finding.id} got worse: {finding.summary}")
    return problems


def _is_own_environment(facts: Facts) -> bool:
    """Whether the tool is installed in the environment that it repairs."""
    return os.path.realpath(sys.prefix) == os.path.realpath(facts.interpreter.prefix)


def _why_not_starting() -> str | None:
    """Why the tool itself no longer starts; None if it does."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "parakeet_cli", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else _last_line(done)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or [f"it {exit_in_words(done.returncode)}"])[-1]
