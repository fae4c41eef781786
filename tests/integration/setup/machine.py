"""A machine on which nothing is set up: a home folder of its own, made-up wheels, a real clip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parakeet_cli.system.processes import parakeet_command
from tests.held_out import FIXTURES, held_out, small_parakeet

HERE = Path(__file__).parent
ONNX = "small-parakeet-tdt-onnx"
NEMO = "small-parakeet-tdt.nemo"


@dataclass(slots=True)
class Machine:
    """Runs `parakeet` there. `wheels` is a folder of the stack's wheels, if one was made."""

    folder: Path
    wheels: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config(self) -> Path:
        return self.home / ".config" / "parakeet" / "config.json"

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "parakeet"

    @property
    def clip(self) -> Path:
        """A held-out clip, with its words beside it."""
        spoken = held_out()[0]
        clip = self.folder / spoken.name
        if not clip.exists():
            shutil.copy(FIXTURES / "held_out" / spoken.name, clip)
            clip.with_suffix(".txt").write_text(" ".join(spoken.words))
        return clip

    def environ(self) -> dict[str, str]:
        (self.folder / "bin").mkdir(exist_ok=True)
        self.home.mkdir(exist_ok=True)
        return {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            **self.variables,
        }

    def run(
        self, *words: str, command: list[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command or parakeet_command(*words),
            capture_output=True,
            text=True,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            check=False,
            cwd="/",
        )

    def setup_onnx(self, *more: str) -> subprocess.CompletedProcess[str]:
        model = str(small_parakeet(ONNX))
        return self.run("setup", "--model", model, "--sample", str(self.clip), *more)

    def nemo_options(self) -> list[str]:
        """With the made-up wheels of the older stack."""
        return [
            *("--engine", "nemo", "--stack", "2.4", "--wheelhouse", str(self.wheels)),
            *("--model", str(small_parakeet(NEMO)), "--sample", str(self.clip), "--yes"),
        ]

    def believing(self) -> list[str]:
        """The command of a setup of the made-up stack, which can transcribe nothing, and a proof
        that believes it. All else is the product.
        """
        return [sys.executable, str(HERE / "believing.py"), *self.nemo_options()]

    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.config.read_text())
        return found

    def left(self) -> list[str]:
        """What setup left: in the data folder, and the configuration."""
        places = [self.data, self.config.parent, self.folder / "env"]
        found = [path for place in places if place.exists() for path in (place, *place.rglob("*"))]
        return sorted(str(path.relative_to(self.folder)) for path in found)
