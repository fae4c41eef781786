"""`parakeet doctor` on made-up environments: what is found, by which rule, what to type.

The prose of a finding (`summary`, `why`, `detail`) is for people and may be reworded. Two
checks are of the machine and left out: `system-libraries` and `disk-space`.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.doctor.fake_stack import (
    CU126,
    Environment,
    Wheel,
    gpu_line,
    nvidia_smi,
    torch,
)
from tests.integration.unchanged.environments import (
    good,
    second_metadata,
    stack,
    upgrades,
    variables,
)
from tests.integration.unchanged.running import Files, as_json, case, parakeet, stable

SKIP = ("--skip", "system-libraries", "--skip", "disk-space")
HELD = ("id", "status", "source", "remedy")


def steady(data: bytes, folder: Path) -> bytes:
    """Without what is dependent on the machine: this Python, and where the pins' files lie."""
    data = stable(data, folder).replace(sys.executable.encode(), b"<this python>")
    data = re.sub(rb"[^\s'\"]*/(requirements-[a-z0-9-]+\.txt)", rb"<pins>/\1", data)
    return re.sub(rb"lib/python3\.[0-9]+/", b"lib/python<version>/", data)


def report(folder: Path, place: Environment, *options: str, code: int) -> bytes:
    done = parakeet(
        folder,
        *("doctor", "--json", "--python", str(place.python), *SKIP, *options),
        env=variables(folder),
        code=code,
    )
    found: dict[str, Any] = json.loads(done.out)
    found["findings"] = [{name: one[name] for name in HELD} for one in found["findings"]]
    return steady(as_json(found), folder)


@case
def a_stack_that_is_well(folder: Path) -> Files:
    place = stack(folder)
    one = ("doctor", "--python", str(place.python))
    env = variables(folder)
    why = parakeet(folder, *one, "why", "numpy", "--json", env=env)
    unknown = parakeet(folder, *one, "why", "no-such-package", "--json", env=env, code=None)
    nothing = parakeet(folder, *one, "rollback", env=env, code=6)
    states = parakeet(folder, *one, "rollback", "--list", "--json", env=env)
    assert not nothing.out
    return {
        "report.json": report(folder, place, code=0),
        "only.json": report(folder, place, "--only", "numpy-pin,fsspec-pin", code=0),
        "newer-stack.json": report(folder, place, "--stack", "3.0", code=0),
        "why.json": steady(why.out, folder),
        "why-unknown.json": steady(as_json([unknown.code, json.loads(unknown.out)]), folder),
        "states.json": steady(states.out, folder),
    }


@case
def a_stack_after_upgrades(folder: Path) -> Files:
    place = stack(folder)
    place.install(upgrades(), folder / "bad")
    one = ("doctor", "--python", str(place.python))
    env = variables(folder)
    why = parakeet(folder, *one, "why", "fsspec", "--json", env=env, code=1)
    house = ("--dry-run", "--wheelhouse", str(folder / "good"))
    return {
        "report.json": report(folder, place, code=1),
        "plan.json": report(folder, place, *house, code=1),
        "why.json": steady(why.out, folder),
    }


@case
def a_stack_that_is_ill_in_many_ways(folder: Path) -> Files:
    nvidia_smi(folder / "bin", gpu_line("RTX 5090", "570.86.10"), "12.8")
    wheels = {name: wheel for name, wheel in good().items() if name not in ("einops", "lightning")}
    wheels["torch"] = torch("2.6.0+cu126", "12.6", CU126)
    wheels["protobuf"] = replace(wheels["protobuf"], version="6.33.0")
    wheels["torchvision"] = Wheel("torchvision", "0.21.0", ("numpy", "torch==2.6.0"))
    place = stack(folder, wheels)
    second_metadata(place, "numpy", "1.26.4", "2.4.6")
    (place.site / "~umpy").mkdir()
    (place.site / "jiwer/__init__.py").unlink()
    return {"report.json": report(folder, place, code=1)}


@case
def an_environment_with_nothing_in_it(folder: Path) -> Files:
    place = stack(folder, {})
    (folder / "good").mkdir()
    for wheel in good().values():
        wheel.build(folder / "good")
    house = ("--dry-run", "--wheelhouse", str(folder / "good"))
    return {
        "report.json": report(folder, place, code=1),
        "plan.json": report(folder, place, *house, code=1),
    }


TRACEBACKS = {
    "none": "Traceback (most recent call last):\nZeroDivisionError: division by zero",
    "numpy": "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.4.6 as it may",
    "no-kernel": "RuntimeError: CUDA error: no kernel image is available for execution on the "
    "device",
    "pkg-resources": "ModuleNotFoundError: No module named 'pkg_resources'",
    "model-filter": "ImportError: cannot import name 'ModelFilter' from 'huggingface_hub'",
    "nemo": "ModuleNotFoundError: No module named 'nemo'",
}


@case
def checks_and_tracebacks(folder: Path) -> Files:
    listed = json.loads(parakeet(folder, "doctor", "--list", "--json").out)
    matched = {}
    for name, text in TRACEBACKS.items():
        done = parakeet(folder, "doctor", "match", "-", "--json", stdin=text.encode(), code=None)
        found = json.loads(done.out)
        rows = [
            {key: one[key] for key in ("row", "check", "remedy", "source")}
            for one in found["matches"]
        ]
        matched[name] = {"code": done.code, "schema": found["schema"], "matches": rows}
    return {
        "checks.json": as_json([one["id"] for one in listed]),
        "matched.json": as_json(matched),
    }
