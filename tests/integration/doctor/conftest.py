"""Made-up environments, copied for each test from one, and the doctor's reports on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.fake_stack import Environment, verified
from tests.integration.doctor.repairing import RepairCase, good_wheels, upgrades
from tests.stacks import Stacks


@dataclass(slots=True)
class Patient:
    """An environment, the variables to examine it with, and the doctor's report of it."""

    environment: Environment
    tmp: Path
    variables: dict[str, str] = field(default_factory=dict)
    code: int = 0

    def examine(self, *options: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
        """`parakeet doctor --json`, as a person runs it."""
        command = [*before, sys.executable, "-m", "parakeet_cli", "doctor", "--json"]
        command += ["--python", str(self.environment.python), *options]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.all_variables(), check=False
        )
        assert done.stdout, done.stderr
        self.code = done.returncode
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def all_variables(self) -> dict[str, str]:
        """Nothing of this machine: no GPU, no models, no settings of the person who tests."""
        return {
            "PATH": str(self.tmp / "bin"),
            "HOME": str(self.tmp / "home"),
            "LANG": "C.UTF-8",
            **self.variables,
        }

    def finding(self, check: str, *options: str) -> dict[str, str]:
        """One check's finding, of the report of all of them."""
        report = self.examine(*options)
        return next(found for found in report["findings"] if found["id"] == check)


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The verified environment with made-up packages, installed by pip in one go."""
    folder = tmp_path_factory.mktemp("madeup")
    environment = Environment.new(folder / "healthy")
    environment.install(verified().values(), folder / "wheels")
    return environment


@pytest.fixture
def patient(healthy: Environment, tmp_path: Path) -> Patient:
    """A copy of the healthy environment, to be broken."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return Patient(healthy.copy(tmp_path / "env"), tmp_path)


@pytest.fixture
def on(stacks: Stacks, tmp_path: Path) -> Callable[[str], Patient]:
    """A copy of a real stack, by its name."""

    def copy(name: str) -> Patient:
        (tmp_path / "home").mkdir()
        (tmp_path / "bin").mkdir()
        return Patient(stacks(name).linked(tmp_path / "env"), tmp_path)

    return copy


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file's size and time, which an examination must not change."""
    return {
        os.path.relpath(path, folder): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


# Broken, with all that a repair needs


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, Path]:
    """An environment with five upgrades that break it, and the wheels that repair it."""
    folder = tmp_path_factory.mktemp("repair")
    environment = Environment.new(folder / "upgraded")
    wheels = good_wheels()
    environment.install(wheels.values(), folder / "good")
    environment.install(upgrades(wheels), folder / "bad")
    return environment, folder / "good"


@pytest.fixture
def case(made: tuple[Environment, Path], tmp_path: Path) -> RepairCase:
    environment, good = made
    return RepairCase(environment.copy(tmp_path / "env"), tmp_path, good)
