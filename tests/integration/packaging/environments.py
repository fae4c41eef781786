"""Real environments: a copy of the checkout, virtual environments, and pip's own index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
CLIP = ROOT / "samples" / "sense_0880.wav"
CLIP_ENDS = "young man."  # what the embedded model makes of the clip's last words

# What a clone would not have, and what a user's shell must not lend to an environment.
_NOT_IN_A_CLONE = shutil.ignore_patterns(
    ".git",
    ".venv",
    "dist",
    "build",
    "bench-data",
    "poetry.lock",
    "__pycache__",
    "*_cache",
    ".hypo*",
)
_OF_THE_CALLER = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PERSONALPARAKEET_USE_MOCK_STT")


def copy_checkout(folder: Path) -> Path:
    """The checkout like a fresh clone, but with uncommitted changes."""
    return Path(shutil.copytree(ROOT, folder, ignore=_NOT_IN_A_CLONE))


def run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without the caller's environments; shows its stderr if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=_clean() | dict(env or {}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    print(done.stdout, done.stderr, sep="\n")
    return done


def _clean() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _OF_THE_CALLER and not name.startswith(("PARAKEET_", "PYTEST_"))
    }


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment."""

    path: Path

    @classmethod
    def make(cls, path: Path, *install: str | Path, cwd: Path | None = None) -> Environment:
        """A new one, with what pip makes of these arguments in it."""
        assert run(sys.executable, "-m", "venv", path).returncode == 0
        environment = cls(path)
        done = run(environment.bin / "python", "-m", "pip", "install", *install, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return environment

    @classmethod
    def make_with_uv(cls, path: Path, python: str, *install: str | Path) -> Environment:
        """A new one of this interpreter, with what uv makes of these arguments in it."""
        assert uv("venv", "--python", python, path).returncode == 0
        done = uv("pip", "install", "--python", path / "bin" / "python", *install)
        assert done.returncode == 0, done.stderr
        return cls(path)

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    def parakeet(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run its command, in a folder outside of the checkout."""
        return run(self.bin / "parakeet", *arguments, cwd=self.path, env=env)


def uv(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run uv, with packages from where pip has them on this machine."""
    index = {"UV_DEFAULT_INDEX": os.environ.get("UV_DEFAULT_INDEX") or pip_index()}
    return run(sys.executable, "-m", "uv", *arguments, cwd=cwd, env=index)


@cache
def pip_index() -> str:
    """Where this machine's pip looks for packages: `pip install --help` names it.

    The help shows the default as pip's own files and variables have settled it.
    """
    shown = run(sys.executable, "-m", "pip", "install", "--help", env={"COLUMNS": "1000"}).stdout
    match = re.search(r"--index-url\b.*?\(default (\S+?)\)", shown)
    assert match, shown
    return match[1]
