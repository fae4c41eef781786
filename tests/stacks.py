"""The real ML stack for tests: environments of some GB, built once, copied by hard links.

Set PARAKEET_TEST_STACKS to a folder. The environments are taken from there, and built
there if they are missing (2 GB each; it takes some minutes and a network). CI builds them
in a temporary folder. Otherwise, tests that need one are skipped.

    verified    the result of `parakeet doctor --fix` on an empty environment
    verified-3  the same with --stack 3.0
    documented  the result of the steps that the guide once contained: it can't transcribe
    by-hand     the result of the guide's commands, run one after the other
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

from tests.integration.doctor.fake_stack import Environment

Stacks = Callable[[str], Environment]

ROOT = Path(__file__).parents[1]
# Within the range of requirements-torch.txt, from the ordinary index.
TORCH = ["torch==2.13.0"]
# The steps 1 to 6 of the old guide, with this torch instead of its nightly.
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
    """Gives an environment by its name, and builds it if it doesn't exist yet.

    All tests share it: run its Python with -B, and change only a `linked` copy of it.
    """
    named = os.environ.get("PARAKEET_TEST_STACKS")
    if named is None and os.environ.get("CI") != "true":
        pytest.skip("PARAKEET_TEST_STACKS names no folder for the real stack")
    folder = Path(named) if named else tmp_path_factory.mktemp("stacks")

    def get(name: str) -> Environment:
        prefix = folder / name
        if not prefix.exists():
            partial = folder / f"{name}.part"  # an interrupted build keeps this name
            shutil.rmtree(partial, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(partial)], check=True)
            BUILDERS[name](partial)
            partial.rename(prefix)
        return Environment(prefix)

    return get


def run(command: Sequence[str]) -> None:
    """Run the command in the checkout; a failure shows its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    output = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.returncode == 0, f"{shlex.join(command)}\n{output}"


def pip(python: Path, *arguments: str) -> None:
    """Run that interpreter's own pip."""
    run([str(python), "-m", "pip", "--disable-pip-version-check", *arguments])


def build_verified(prefix: Path, *options: str) -> None:
    """Have the doctor build it. Its journal records the steps."""
    python = prefix / "bin" / "python"
    doctor = [sys.executable, "-m", "parakeet_cli", "doctor", "--python", str(python)]
    run([*doctor, "--fix", "--yes", "--torch-index", "default", *options])


def build_verified_3(prefix: Path) -> None:
    build_verified(prefix, "--stack", "3.0")


def build_documented(prefix: Path) -> None:
    for step in DOCUMENTED:
        # Without bytecode: hardly any of it is imported, and compiling takes a minute.
        pip(prefix / "bin" / "python", "install", "-q", "--no-compile", *step)


def build_by_hand(prefix: Path) -> None:
    """Run the guide's commands for installing by hand."""
    for words in guide_commands():
        assert words[:2] == ["pip", "install"]
        pip(prefix / "bin" / "python", "install", "-q", *words[2:])


def guide_commands() -> list[list[str]]:
    """The guide's commands; for torch, the one for a machine without a GPU."""
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
