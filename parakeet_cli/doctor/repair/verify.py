"""All checks and probes in a new process, and what they prove against the ones before.

The process that repaired has the old modules in memory and may live in the environment
that it changed; a new one imports what is there now.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from parakeet_cli.doctor.facts import Facts, Sample, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import Stack

# What every stage may take to be imported from a cold disk, and all the rest.
SECONDS = 3600.0
ELSEWHERE = frozenset({"disk-space"})  # changes with everything else on the machine
CHILD = """
import sys
sys.path.append(sys.argv.pop(1))
from parakeet_cli.doctor.repair.verify import child
child()
"""


class NoProof(Exception):
    """The checks themselves could not be run."""


@dataclass(frozen=True, slots=True)
class Look:
    """One interpreter's facts and findings, judged by one stack."""

    facts: Facts
    stack: Stack
    findings: tuple[Finding, ...]


def look(
    python: str,
    *,
    stack: str | None,
    ids: Collection[str],
    sample: Sample | Unavailable,
    options: tuple[str, ...] = (),
) -> Look:
    """The environment as it is now, probes included. A named stack is what it is judged by,
    whatever NeMo it holds: a repair may be on its way there."""
    from parakeet_cli.doctor.checks import run_checks
    from parakeet_cli.doctor.inspect.gather import gather_facts
    from parakeet_cli.doctor.probes.runner import run_probes
    from parakeet_cli.doctor.stack.stack import NEMO, choose_stack, load_stack

    facts = gather_facts(python, options=options)
    nemo = facts.installed(NEMO)
    policy = load_stack(stack) if stack else choose_stack(nemo.version if nemo else None, None)
    facts = replace(facts, probes=run_probes(facts, policy, ids, sample))
    return Look(facts, policy, run_checks(facts, policy, ids))


def check_again(
    python: str,
    *,
    stack: str,
    ids: Collection[str],
    sample: Sample | Unavailable,
    options: tuple[str, ...] = (),
) -> tuple[Finding, ...]:
    """The same in a new process. Raises NoProof where that fails."""
    home = str(Path(__file__).resolve().parents[3])
    asked = {
        "python": python,
        "stack": stack,
        "ids": list(ids),
        "options": list(options),
        ("not_known" if isinstance(sample, Unavailable) else "sample"): asdict(sample),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", CHILD, home],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd="/",
        )
        rows = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise NoProof(f"the checks did not end within {SECONDS:.0f} seconds") from error
    except (ValueError, IndexError) as error:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NoProof(f"the checks could not be run: {said[-1]}") from error
    return tuple(
        Finding(**{**row, "status": CheckStatus(row["status"]), "stages": tuple(row["stages"])})
        for row in rows
    )


def child() -> None:
    """In the new process: what is asked on stdin, the findings on stdout."""
    asked = json.loads(sys.stdin.read())
    asked["options"] = tuple(asked["options"])
    python = asked.pop("python")
    if "not_known" in asked:
        asked["sample"] = Unavailable(**asked.pop("not_known"))
    else:
        asked["sample"] = Sample(**asked["sample"])
    found = look(python, **asked)
    print(json.dumps([asdict(finding) for finding in found.findings]))


def still_starts() -> str | None:
    """Why the tool itself no longer starts, where it lives in what it repaired."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "parakeet_cli", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]


def objections(
    before: Iterable[Finding], after: Iterable[Finding], planned: Collection[str]
) -> list[str]:
    """Why the repair can't stand: what was planned still fails, or something got worse."""
    was = {finding.id: finding for finding in before}
    found = []
    for finding in after:
        if finding.healthy or finding.id in ELSEWHERE:
            continue
        earlier = was.get(finding.id)
        if finding.id in planned:
            found.append(f"{finding.id} still fails: {finding.summary}")
        elif earlier is not None and earlier.healthy:
            found.append(f"{finding.id} got worse: {finding.summary}")
    return found
