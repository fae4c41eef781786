"""Made-up ML environments for the doctor: the pinned stack as inert wheels, well and ill."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.integration.doctor.fake_stack import CANARY, Environment, Wheel, module, verified
from tests.integration.unchanged.running import environment

HARMLESS = "VALUE = 1\n"


def inert(wheel: Wheel) -> Wheel:
    """The same distribution; an import of it leaves no mark."""
    files = dict(wheel.files) or {f"{module(wheel.name)}/__init__.py": CANARY}
    return replace(
        wheel, files={name: HARMLESS if data == CANARY else data for name, data in files.items()}
    )


@cache
def good() -> Mapping[str, Wheel]:
    """The verified stack."""
    return {name: inert(wheel) for name, wheel in verified().items()}


def upgrades() -> list[Wheel]:
    """Upgrades that each break the documented stack."""
    versions = {
        "numpy": "2.4.6",
        "fsspec": "2026.2.0",
        "pytorch-lightning": "2.6.6",
        "pyarrow": "26.0.1",
    }
    return [replace(good()[name], version=version) for name, version in versions.items()]


def variables(folder: Path) -> dict[str, str]:
    """Nothing of the machine on PATH: no GPU but a made-up one."""
    (folder / "bin").mkdir(exist_ok=True)
    more = {"PATH": str(folder / "bin"), "PIP_CONFIG_FILE": os.devnull}
    return environment(folder, more)


def stack(folder: Path, wheels: Mapping[str, Wheel] | None = None) -> Environment:
    """A virtual environment with the stack in it; its wheels lie in `good` beside it."""
    place = Environment.new(folder / "env")
    # What names the environment's own place would be as long as that is.
    for path in (folder / "env/bin").glob("[Aa]ctivate*"):
        path.unlink()
    wheels = good() if wheels is None else wheels
    if wheels:
        place.install(wheels.values(), folder / "good")
    return place


def second_metadata(place: Environment, name: str, version: str, other: str) -> None:
    """A distribution that is there twice."""
    one = place.site / f"{name}-{version}.dist-info"
    two = place.site / f"{name}-{other}.dist-info"
    shutil.copytree(one, two)
    text = (two / "METADATA").read_text().replace(version, other)
    (two / "METADATA").write_text(text)
