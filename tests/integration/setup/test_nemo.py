"""`parakeet setup` of nemo on made-up wheels: made, taken back, gone on with, removed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import Environment
from tests.integration.setup.machine import Machine

KILLS = int(os.environ.get("PARAKEET_SOAK_KILLS", "20"))
SEED = int(os.environ.get("PARAKEET_SOAK_SEED", "15"))
pytestmark = pytest.mark.slow


def test_an_environment_is_made_listed_judged_and_removed(with_wheels: Machine) -> None:
    machine = with_wheels
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text('{"threads": 2}')
    done = machine.run(command=machine.believing())
    assert done.returncode == 0, done.stderr
    env = machine.data / "environments" / "nemo-2.4"
    found = machine.settings()
    assert (found["engine"], found["threads"]) == ("nemo", 2)
    assert found["ml_python"] == str(env / "bin" / "python")
    assert found["model"].endswith(".nemo")
    (kept,) = json.loads(machine.run("setup", "--list", "--json").stdout)["environments"]
    assert (kept["name"], kept["ready"], kept["used"]) == ("nemo-2.4", True, True)
    judged = json.loads(machine.run("doctor", "--all", "--json").stdout)
    (one,) = judged["environments"]
    assert (one["path"], judged["healthy"]) == (str(env), True)
    again = machine.run(command=machine.believing())
    assert again.returncode == 0, again.stderr
    unasked = machine.run("setup", "--remove", "nemo-2.4")  # nobody to ask
    assert (unasked.returncode, "This removes " in unasked.stderr) == (1, True)
    gone = machine.run("setup", "--remove", "nemo-2.4", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert machine.settings() == {"threads": 2}
    assert not machine.data.exists()


def test_a_stack_that_can_not_transcribe_is_taken_back(with_wheels: Machine) -> None:
    machine = with_wheels
    done = machine.run("setup", *machine.nemo_options())
    assert done.returncode == 1, done.stderr
    assert machine.left() == []


def test_an_index_that_lacks_a_package_leaves_nothing(with_wheels: Machine) -> None:
    machine = with_wheels
    assert machine.wheels is not None
    fewer = machine.folder / "fewer"
    shutil.copytree(machine.wheels, fewer, ignore=shutil.ignore_patterns("einops-*"))
    machine.wheels = fewer
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text('{"threads": 2}')
    done = machine.run("setup", *machine.nemo_options())
    assert done.returncode == 6
    assert "einops" in done.stderr
    assert machine.config.read_text() == '{"threads": 2}'
    assert not machine.data.exists()
    elsewhere = machine.run("setup", *machine.nemo_options(), "--env", str(machine.folder / "env"))
    assert elsewhere.returncode == 6
    assert not (machine.folder / "env").exists()


def test_an_environment_of_one_s_own_is_as_it_was_after_a_failure(with_wheels: Machine) -> None:
    machine = with_wheels
    own = Environment.new(machine.folder / "env")
    before = {path.name for path in own.site.iterdir()}
    words = (*machine.nemo_options(), "--env", str(own.prefix))
    assert machine.run("setup", *words).returncode == 1
    assert {path.name for path in own.site.iterdir()} == before
    assert not machine.data.exists()
    done = machine.run(command=[*machine.believing(), "--env", str(own.prefix)])
    assert done.returncode == 0, done.stderr
    assert machine.settings()["ml_python"] == str(own.python)
    assert "wasn't made by setup" in machine.run("setup", "--remove", "env", "--yes").stdout
    assert own.python.exists()


@pytest.mark.parametrize("phase", ["Write engine", "Taking a snapshot", "Verifying"])
def test_killed_in_a_phase_the_same_command_goes_on(with_wheels: Machine, phase: str) -> None:
    process = _start(with_wheels)
    _wait_for(phase, process)
    process.kill()
    process.wait()
    assert not with_wheels.config.exists()
    _repeat(with_wheels)


@pytest.mark.soak
def test_killed_at_seeded_moments_the_same_command_goes_on(with_wheels: Machine) -> None:
    machine = with_wheels
    began = time.monotonic()
    assert machine.run(command=machine.believing()).returncode == 0
    whole = time.monotonic() - began
    moments = random.Random(SEED)
    for _ in range(KILLS):
        machine.run("setup", "--remove", "nemo-2.4", "--yes")
        _kill_and_repeat(machine, moments.uniform(0.0, 1.1) * whole)


def _kill_and_repeat(machine: Machine, seconds: float) -> None:
    """Kill a setup after so long, unless it ended, and repeat it."""
    process = _start(machine)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        if machine.config.exists() and "ml_python" in machine.settings():
            assert Path(machine.settings()["ml_python"]).exists()
    _repeat(machine)


def _start(machine: Machine) -> subprocess.Popen[str]:
    return subprocess.Popen(
        machine.believing(),
        env=machine.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )


def _wait_for(phase: str, process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any(phase in line for line in process.stderr), phase


def _repeat(machine: Machine) -> None:
    """The same command ends well, and what it leaves is whole."""
    done = machine.run(command=machine.believing())
    assert done.returncode == 0, done.stderr
    (kept,) = json.loads(machine.run("setup", "--list", "--json").stdout)["environments"]
    assert (kept["ready"], kept["used"]) == (True, True)
    assert json.loads(machine.run("doctor", "--all", "--json").stdout)["healthy"]


def test_ctrl_c_leaves_nothing_or_what_the_same_command_goes_on_with(with_wheels: Machine) -> None:
    process = _start(with_wheels)
    _wait_for("Finding out what has", process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode in (4, 6, 130)
    assert not with_wheels.config.exists()
    _repeat(with_wheels)
