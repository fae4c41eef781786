"""Tests that dependencies' telemetry is off in this process and in those of the ML interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from parakeet_cli.system.processes import python_command
from parakeet_cli.system.telemetry import SWITCHES, ml_environment

SHOW = "import os; print(sorted(os.environ.items()))"


@pytest.mark.parametrize("variable", SWITCHES)
def test_importing_anything_of_parakeet_switches_telemetry_off(variable: str) -> None:
    code = f"import parakeet_cli.errors, os; print(os.environ[{variable!r}])"
    environment = {**os.environ, variable: "a value of the user's"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SWITCHES[variable]


def test_a_child_process_inherits_the_switches() -> None:
    command = python_command(SHOW, isolated=True)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for pair in SWITCHES.items():
        assert str(pair) in done.stdout


def test_a_process_of_the_ml_interpreter_has_its_packages_switched_off_too() -> None:
    environment = ml_environment({"PATH": "/bin", "RANK": "0", "WANDB_MODE": "online"})
    assert SWITCHES.items() <= environment.items()
    assert environment["PATH"] == "/bin"
    assert environment["WANDB_MODE"] == "disabled"
    assert "RANK" not in environment
