"""The repair on the real stack: gigabytes, minutes, a network.

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
from tests.integration.doctor.repairing import Surgery
from tests.integration.doctor.test_repair import recover, start
from tests.stacks import pip

pytestmark = pytest.mark.slow

FIVE = ["numpy>=2.4,<2.5", "fsspec>=2026", "lightning>=2.6", "pyarrow>=26", "setuptools>=84"]
NAMES = {"numpy", "fsspec", "lightning", "pyarrow", "setuptools"}
DEFAULT = ("--torch-index", "default")


def surgery_of(patient: Patient) -> Surgery:
    return Surgery(patient.environment, patient.tmp, Path(), inherits=True)


def imports(surgery: Surgery) -> None:
    command = [str(surgery.environment.python), "-B", "-c", "import nemo.collections.asr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
def test_the_documented_end_state_is_repaired_and_rollback_brings_it_back(
    on: Callable[[str], Patient],
) -> None:
    surgery = surgery_of(on("documented"))
    before = surgery.tree()
    done = surgery.run("--fix", "--yes", *DEFAULT)
    assert done.returncode == 0, done.stderr
    imports(surgery)
    assert surgery.run("rollback").returncode == 0
    assert surgery.tree() == before


def test_five_upgrades_at_once_are_repaired_and_no_other_pin_moves(
    on: Callable[[str], Patient],
) -> None:
    surgery = surgery_of(on("verified"))
    pip(surgery.environment.python, "install", "-q", "--no-deps", *FIVE)
    before = surgery.versions()
    done = surgery.run("--fix", "--yes", *DEFAULT)
    assert done.returncode == 0, done.stderr
    after = surgery.versions()
    assert {name for name in before if before[name] != after.get(name)} == NAMES
    assert after.keys() == before.keys()
    imports(surgery)


@pytest.mark.soak
def test_to_the_second_stack_and_back_both_ends_are_healthy(on: Callable[[str], Patient]) -> None:
    surgery = surgery_of(on("verified"))
    done = surgery.run("--fix", "--yes", "--stack", "3.0", *DEFAULT)
    assert done.returncode == 0, done.stderr
    imports(surgery)
    report = json.loads(surgery.run("--json").stdout)
    assert (report["stack"], report["healthy"]) == ("3.0", True)
    assert surgery.run("rollback").returncode == 0
    report = json.loads(surgery.run("--json", "--deep").stdout)
    assert (report["stack"], report["healthy"]) == ("2.4", True)


@pytest.mark.soak
def test_killed_at_random_moments_the_real_stack_is_as_it_was_or_healthy(
    on: Callable[[str], Patient],
) -> None:
    kills = int(os.environ.get("PARAKEET_SOAK_REAL_KILLS", "10"))
    moments = random.Random(int(os.environ.get("PARAKEET_SOAK_SEED", "20261122")))
    surgery = surgery_of(on("verified"))
    pip(surgery.environment.python, "install", "-q", "--no-deps", *FIVE)
    before = surgery.tree()
    command = ("--fix", "--yes", *DEFAULT)
    began = time.monotonic()
    assert surgery.run(*command).returncode == 0
    whole = time.monotonic() - began
    assert surgery.run("rollback").returncode == 0
    for number in range(kills):
        process = start(surgery, surgery.command(*command))
        time.sleep(moments.uniform(0, whole))
        process.kill()
        process.wait()
        recover(surgery)
        if surgery.tree() != before:
            assert surgery.run().returncode == 0, number
            assert surgery.run("rollback").returncode == 0, number
            assert surgery.tree() == before, number
