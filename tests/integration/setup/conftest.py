"""Machines on which nothing is set up, one for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.doctor.repairing import pinned_wheels
from tests.integration.setup.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up wheels of stack 2.4."""
    folder = tmp_path_factory.mktemp("stack") / "wheels"
    folder.mkdir()
    for wheel in pinned_wheels().values():
        wheel.build(folder)
    return folder


@pytest.fixture
def with_wheels(machine: Machine, wheels: Path) -> Machine:
    machine.wheels = wheels
    return machine
