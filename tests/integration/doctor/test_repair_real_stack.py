"""Repairs of the real stack, which need gigabytes, minutes and a network.

Where the prebuilt environments come from, and when these are skipped: tests/stacks.py.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.repairing import RepairCase
from tests.integration.doctor.test_repair import recover, start
from tests.stacks import pip

pytestmark = pytest.mark.slow

FIVE = ["numpy>=2.4,<2.5", "fsspec>=2026", "lightning>=2.6", "pyarrow>=26", "setuptools>=84"]
NAMES = {"numpy", "fsspec", "lightning", "pyarrow", "setuptools"}
DEFAULT = ("--torch-index", "default")


def repair_case(patient: Patient) -> RepairCase:
    return RepairCase(patient.environment, patient.tmp, Path(), inherits=True)


def imports(case: RepairCase) -> None:
    command = [str(case.environment.python), "-B", "-c", "import nemo.collections.asr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
def test_the_documented_end_state_is_repaired_and_can_be_rolled_back(
    on: Callable[[str], Patient],
) -> None:
    case = repair_case(on("documented"))
    before = case.tree()
    done = case.run("--fix", "--yes", *DEFAULT)
    assert done.returncode == 0, done.stderr
    imports(case)
    assert case.run("rollback").returncode == 0
    assert case.tree() == before


def test_five_upgrades_at_once_are_repaired_and_no_other_pin_moves(
    on: Callable[[str], Patient],
) -> None:
    case = repair_case(on("verified"))
    pip(case.environment.python, "install", "-q", "--no-deps", *FIVE)
    before = case.versions()
    done = case.run("--fix", "--yes", *DEFAULT)
    assert done.returncode == 0, done.stderr
    after = case.versions()
    assert {name for name in before if before[name] != after.get(name)} == NAMES
    assert after.keys() == before.keys()
    imports(case)


@pytest.mark.soak
def test_to_the_second_stack_and_back_both_ends_are_healthy(on: Callable[[str], Patient]) -> None:
    case = repair_case(on("verified"))
    done = case.run("--fix", "--yes", "--stack", "3.0", *DEFAULT)
    assert done.returncode == 0, done.stderr
    imports(case)
    report = json.loads(case.run("--json").stdout)
    assert (report["stack"], report["healthy"]) == ("3.0", True)
    assert case.run("rollback").returncode == 0
    report = json.loads(case.run("--json", "--deep").stdout)
    assert (report["stack"], report["healthy"]) == ("2.4", True)


@pytest.mark.soak
def test_killed_at_random_moments_the_real_stack_is_as_it_was_or_healthy(
    on: Callable[[str], Patient],
) -> None:
    kills = int(os.environ.get("PARAKEET_SOAK_REAL_KILLS", "10"))
    moments = random.Random(int(os.environ.get("PARAKEET_SOAK_SEED", "20261122")))
    case = repair_case(on("verified"))
    pip(case.environment.python, "install", "-q", "--no-deps", *FIVE)
    before = case.tree()
    command = ("--fix", "--yes", *DEFAULT)
    began = time.monotonic()
    assert case.run(*command).returncode == 0
    whole = time.monotonic() - began
    assert case.run("rollback").returncode == 0
    for number in range(kills):
        process = start(case, case.command(*command))
        time.sleep(moments.uniform(0, whole))
        process.kill()
        process.wait()
        recover(case)
        if case.tree() != before:
            assert case.run().returncode == 0, number
            assert case.run("rollback").returncode == 0, number
            assert case.tree() == before, number
