"""Made-up stacks that can be repaired: inert wheels, an environment, and the doctor's commands."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from parakeet_cli.doctor.stack.requirement_strings import parse_requirement
from parakeet_cli.doctor.stack.stack import load_stack
from tests.integration.doctor.fake_stack import CANARY, Environment, Wheel, module, verified

HARMLESS = "VALUE = 1\n"


def inert(wheel: Wheel) -> Wheel:
    """The same distribution, but its import has no side effect."""
    files = dict(wheel.files) or {f"{module(wheel.name)}/__init__.py": CANARY}
    files = {name: HARMLESS if data == CANARY else data for name, data in files.items()}
    return replace(wheel, files=files)


def good_wheels() -> dict[str, Wheel]:
    """The verified stack."""
    return {name: inert(wheel) for name, wheel in verified().items()}


def pinned_wheels() -> dict[str, Wheel]:
    """Only the stack's own pins, without what they require: a repair takes half the time."""
    names = {pin.name for pin in load_stack("2.4").pins}

    def among(text: str) -> bool:
        requirement = parse_requirement(text)
        return requirement is not None and requirement.name in names

    return {
        name: replace(wheel, requires=tuple(filter(among, wheel.requires)))
        for name, wheel in good_wheels().items()
        if name in names
    }


def of(wheels: Mapping[str, Wheel], name: str, version: str, **changes: Any) -> Wheel:
    """Another version of one of the wheels."""
    return replace(wheels[name], version=version, **changes)


def upgrades(wheels: Mapping[str, Wheel]) -> list[Wheel]:
    """Five upgrades, each of which breaks the documented stack."""
    bare = {"setuptools/__init__.py": HARMLESS}
    return [
        of(wheels, "numpy", "2.4.6"),
        of(wheels, "fsspec", "2026.2.0"),
        of(wheels, "pytorch-lightning", "2.6.6"),
        of(wheels, "pyarrow", "26.0.1"),
        of(wheels, "setuptools", "84.0.0", files=bare),
    ]


@dataclass(slots=True)
class RepairCase:
    """An environment to repair, with a home folder of its own and a folder of good wheels."""

    environment: Environment
    tmp: Path
    wheelhouse: Path
    doctor: Path = Path(sys.executable)
    variables: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # words before the doctor's command, such as `unshare`
    inherits: bool = False  # this machine's own variables: indexes, certificates

    def environ(self) -> dict[str, str]:
        home = self.tmp / "home"
        home.mkdir(exist_ok=True)
        (self.tmp / "bin").mkdir(exist_ok=True)
        if self.inherits:
            return {**os.environ, "HOME": str(home), **self.variables}
        return {
            "PATH": f"{self.tmp / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            **self.variables,
        }

    def command(self, *words: str) -> list[str]:
        target = ["--python", str(self.environment.python)]
        return [*self.before, str(self.doctor), "-m", "parakeet_cli", "doctor", *target, *words]

    def fix_command(self, *more: str) -> list[str]:
        return self.command("--fix", "--yes", "--wheelhouse", str(self.wheelhouse), *more)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(self.command(*words))

    def fix(self, *more: str) -> subprocess.CompletedProcess[str]:
        return self._run(self.fix_command(*more))

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            check=False,
            cwd="/",
        )

    def plan(self, *more: str) -> list[dict[str, Any]]:
        done = self.run("--dry-run", "--json", "--wheelhouse", str(self.wheelhouse), *more)
        assert done.stdout, done.stderr
        plan: list[dict[str, Any]] = json.loads(done.stdout)["plan"]
        return plan

    def versions(self) -> dict[str, str]:
        """Distribution -> version, by the names of the metadata folders."""
        stems = [
            path.name.removesuffix(".dist-info")
            for path in self.environment.site.glob("*.dist-info")
        ]
        return {
            stem.rpartition("-")[0].lower().replace("_", "-"): stem.rpartition("-")[2]
            for stem in stems
        }

    def tree(self) -> dict[str, tuple[object, ...]]:
        return tree(self.environment.prefix)


def tree(prefix: Path) -> dict[str, tuple[object, ...]]:
    """Every file, folder and link: its mode, time and content."""
    found: dict[str, tuple[object, ...]] = {}
    for here, folders, files in os.walk(prefix):
        for name in [*folders, *files]:
            path = Path(here, name)
            stat = path.lstat()
            content = (
                str(path.readlink())
                if path.is_symlink()
                else hashlib.sha256(path.read_bytes()).hexdigest()
                if path.is_file()
                else ""
            )
            found[str(path.relative_to(prefix))] = (stat.st_mode, stat.st_mtime_ns, content)
    found["."] = (prefix.stat().st_mode, prefix.stat().st_mtime_ns)
    return found


class IndexServer(http.server.ThreadingHTTPServer):
    """A server of an index: uv asks for every package at once, and only five could wait for it."""

    request_queue_size = 128


def index(folder: Path, *wheels: Wheel) -> str:
    """The URL of a package index of these wheels, in a folder that pip reads like a server."""
    for wheel in wheels:
        place = folder / canonicalize_name(wheel.name)
        place.mkdir(parents=True, exist_ok=True)
        built = wheel.build(place)
        sums = f"{built.name}#sha256={hashlib.sha256(built.read_bytes()).hexdigest()}"
        (place / "index.html").write_text(f'<a href="{sums}">{built.name}</a>')
    folder.mkdir(exist_ok=True)
    return folder.as_uri()
