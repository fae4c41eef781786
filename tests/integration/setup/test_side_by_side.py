"""Environments of several CUDA versions side by side, made by setup from made-up wheels."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.system.environments import KeptEnvironment, keep
from tests.integration.doctor.fake_stack import Environment
from tests.integration.setup.machine import Machine

pytestmark = pytest.mark.slow

NAMES = ("nemo-2.4", "nemo-2.4-cu126", "nemo-2.4-cu130")
INDEXES = (None, "cu126", "cu130")


def content(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every file, folder and link below a folder with what can be told apart of it."""
    found: dict[str, tuple[object, ...]] = {}
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here, name)
            status = path.lstat()
            data = b""
            if stat.S_ISREG(status.st_mode):
                data = path.read_bytes()
            elif stat.S_ISLNK(status.st_mode):
                data = os.fsencode(path.readlink())
            digest = hashlib.sha256(data).hexdigest()
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, digest)
    return found


def set_up(machine: Machine, index: str | None, *more: str) -> None:
    named = ["--torch-index", index] if index else []
    done = machine.run(command=[*machine.believing(), *named, *more])
    assert done.returncode == 0, done.stderr


def listed(machine: Machine) -> dict[str, dict[str, Any]]:
    report = json.loads(machine.run("setup", "--list", "--json").stdout)
    return {one["name"]: one for one in report["environments"]}


def judged(machine: Machine, *options: str) -> dict[str, dict[str, Any]]:
    report = json.loads(machine.run("doctor", "--all", "--json", *options).stdout)
    assert report["healthy"] == all(one["healthy"] for one in report["environments"])
    return {one["name"]: one for one in report["environments"]}


def test_environments_of_three_indexes_are_made_judged_repaired_and_removed_one_by_one(
    with_wheels: Machine,
) -> None:
    machine = with_wheels
    for index in INDEXES:
        set_up(machine, index)
    folder = machine.data / "environments"
    kept = listed(machine)
    assert tuple(kept) == NAMES
    assert [one["torch_index"] for one in kept.values()] == ["cpu", "cu126", "cu130"]
    assert [one["used"] for one in kept.values()] == [False, False, True]
    before = {name: content(folder / name) for name in NAMES}

    # The same command again takes the same environment, and has config.json name it.
    set_up(machine, "cu126")
    assert [one["used"] for one in listed(machine).values()] == [False, True, False]
    assert {name: content(folder / name) for name in NAMES} == before

    # One is damaged, told and repaired; the others stay as they are.
    (one_module,) = (folder / "nemo-2.4-cu130").glob("lib/python*/site-packages/einops/__init__.py")
    one_module.unlink()
    told = judged(machine)
    assert [one["healthy"] for one in told.values()] == [True, True, False]
    table = machine.run("doctor", "--all").stdout.splitlines()
    assert table[0].split()[0] == "ENVIRONMENT"
    assert [line.split()[:3] for line in table[1:4]] == [
        ["nemo-2.4", "-", "yes"],
        ["nemo-2.4-cu126", "yes", "yes"],
        ["nemo-2.4-cu130", "-", "no"],
    ]
    assert "broken-dists" in table[3]
    picked = machine.run("doctor", "--json")
    assert json.loads(picked.stdout)["python"] == str(folder / "nemo-2.4-cu126/bin/python")
    machine.variables["PARAKEET_ML_PYTHON"] = "nemo-2.4-cu130"
    picked = machine.run("doctor", "--json")
    assert json.loads(picked.stdout)["python"] == str(folder / "nemo-2.4-cu130/bin/python")
    fixed = machine.run("doctor", "--fix", "--yes", "--wheelhouse", str(machine.wheels))
    del machine.variables["PARAKEET_ML_PYTHON"]
    assert fixed.returncode == 1, fixed.stderr  # made-up packages can't transcribe the sample
    assert "Repaired in" in fixed.stdout
    assert all(one["healthy"] for one in judged(machine).values())
    for name in NAMES[:2]:
        assert content(folder / name) == before[name]

    # The one in use is removed, and config.json forgets it; the others stay byte for byte.
    third = content(folder / NAMES[2])
    gone = machine.run("setup", "--remove", "nemo-2.4-cu126", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert not {"engine", "ml_python", "model"} & machine.settings().keys()
    assert tuple(listed(machine)) == (NAMES[0], NAMES[2])
    assert content(folder / NAMES[0]) == before[NAMES[0]]
    assert content(folder / NAMES[2]) == third


def test_an_environment_without_nemo_is_judged_by_the_stack_that_it_was_made_for(
    machine: Machine,
) -> None:
    env = Environment.new(machine.data / "environments" / "nemo-3.0")
    for stack in ("3.0", "2.4"):
        keep(machine.data, KeptEnvironment("nemo-3.0", str(env.prefix), stack, ready=True))
        shown = machine.run("doctor", "--python", "nemo-3.0", "--json")
        assert json.loads(shown.stdout)["stack"] == stack
        other = machine.run("doctor", "--python", "nemo-3.0", "--stack", "2.4", "--json")
        assert json.loads(other.stdout)["stack"] == "2.4"


def test_a_repair_stays_with_the_index_that_setup_was_told(machine: Machine) -> None:
    """Seen in the plan, which needs that index and can't reach it."""
    env = Environment.new(machine.data / "environments" / "nemo-3.0-cu126")
    (env.prefix / ".made-by-parakeet-setup").touch()
    row = KeptEnvironment("nemo-3.0-cu126", str(env.prefix), "3.0", ready=True)
    url = "http://127.0.0.1:9/whl/cu126"
    for index, named, expected in ((url, True, True), (url, False, False)):
        keep(machine.data, replace(row, torch_index=index, index_named=named))
        done = machine.run("doctor", "--fix", "--dry-run", "--python", "nemo-3.0-cu126")
        assert done.returncode == 6, done.stdout
        assert (url in done.stderr) == expected, done.stderr
