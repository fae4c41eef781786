"""The real ML stack for tests: environments of some GB, built once, copied by hard links.

Set PARAKEET_TEST_STACKS to a folder: the environments are taken from there, and built
there where they are missing (2 GB each, some minutes and a network). CI builds them in a
temporary folder; elsewhere, without it, what asks for one is skipped.

    verified    what `parakeet doctor --fix` makes of an empty environment
    verified-3  the same with --stack 3.0
    documented  what the document's steps once made, as written: it can't transcribe
    by-hand     what the guide's commands make, typed one after the other
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.integration.doctor.madeup import Environment

Stacks = Callable[[str], Environment]

ROOT = Path(__file__).parents[1]
# The CPU build where the ordinary index has one; the range of requirements-torch.txt.
TORCH = ["torch==2.13.0"]
# The document's steps 1 to 6, as written, with this torch in the place of its nightly.
DOCUMENTED: tuple[list[str], ...] = (
    ["numpy>=1.26.0,<2.0"],
    ["scipy>=1.11.0"],
    TORCH,
    ["fsspec==2024.12.0"],
    ["numba>=0.60.0"],
    ["librosa>=0.10.0"],
    ["pytorch-lightning>=2.0.0,<2.3.0"],
    ["torchmetrics>=0.11.0,<1.5.0"],
    ["--no-deps", "nemo-toolkit[asr]==2.4.0"],
    ["hydra-core", "omegaconf", "sentencepiece", "sacremoses", "inflect", "editdistance"],
)


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """Gives an environment by its name, building it where it isn't there yet.

    It is everybody's: look at it, run its Python with -B, change a `linked` copy of it.
    """
    named = os.environ.get("PARAKEET_TEST_STACKS")
    if named is None and os.environ.get("CI") != "true":
        pytest.skip("PARAKEET_TEST_STACKS names no folder for the real stack")
    folder = Path(named) if named else tmp_path_factory.mktemp("stacks")

    def get(name: str) -> Environment:
        prefix = folder / name
        if not prefix.exists():
            half = folder / f"{name}.part"  # a build that was broken off is not taken for one
            shutil.rmtree(half, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(half)], check=True)
            BUILDERS[name](half)
            half.rename(prefix)
        return Environment(prefix)

    return get


def run(command: Sequence[str]) -> None:
    """Runs it in the checkout, and says what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.returncode == 0, f"{shlex.join(command)}\n{said}"


def pip(python: Path, *arguments: str) -> None:
    """That interpreter's own pip."""
    run([str(python), "-m", "pip", "--disable-pip-version-check", *arguments])


def build_verified(prefix: Path, *options: str) -> None:
    """The doctor's work: the journal that it keeps tells how it went about it."""
    python = prefix / "bin" / "python"
    doctor = [sys.executable, "-m", "parakeet_cli", "doctor", "--python", str(python)]
    run([*doctor, "--fix", "--yes", "--torch-index", "default", *options])


def build_verified_3(prefix: Path) -> None:
    build_verified(prefix, "--stack", "3.0")


def build_documented(prefix: Path) -> None:
    for step in DOCUMENTED:
        # Hardly any of it is imported here; compiling it all would take a minute.
        pip(prefix / "bin" / "python", "install", "-q", "--no-compile", *step)


def build_by_hand(prefix: Path) -> None:
    """The guide's own commands for installing by hand, as they stand there."""
    for words in guide_commands():
        assert words[:2] == ["pip", "install"]
        pip(prefix / "bin" / "python", "install", "-q", *words[2:])


def guide_commands() -> list[list[str]]:
    """The guide's commands; for torch the one that it gives for a machine without a GPU."""
    text = (ROOT / "docs" / "ml-dependencies.md").read_text()
    block = text.partition("<!-- table: steps -->")[2].partition("<!-- end -->")[0]
    lines = block.replace("\\\n", " ").splitlines()
    with_gpu = [line for line in lines if "-r requirements-torch.txt" in line]
    lines = [
        line.removeprefix("# ") if line.startswith("# pip install") else line
        for line in lines
        if line not in with_gpu
    ]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("pip install")]


BUILDERS: dict[str, Callable[[Path], None]] = {
    "verified": build_verified,
    "verified-3": build_verified_3,
    "documented": build_documented,
    "by-hand": build_by_hand,
}
