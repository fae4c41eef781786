"""The bounds in pyproject.toml are true at both ends, on each Python, and beside each ML stack."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.integration.packaging.environments import CLIP, CLIP_ENDS, ROOT, Environment, run, uv
from tests.pythons import python, supported

pytestmark = pytest.mark.slow

# How uv chooses: the lowest version of everything that pyproject.toml names, or the highest of
# everything. On the Pythons between the oldest and the newest, the lower end is left to the soak.
HIGHEST = ["--resolution", "highest"]
LOWEST = ["--resolution", "lowest-direct"]
CASES: list[tuple[str, list[str]]] = [
    *((version, HIGHEST) for version in supported()),
    *((version, LOWEST) for version in supported()),
]
LEFT_TO_THE_SOAK = [("3.12", LOWEST)]
PARAMETERS = [
    pytest.param(
        *case,
        id=f"{case[0]}-{case[1][1]}",
        marks=[pytest.mark.soak] if case in LEFT_TO_THE_SOAK else [],
    )
    for case in CASES
]
# A bound for whose releases there are no wheels isn't a bound that people can install.
WHEELS_ONLY = ["--only-binary", ":all:"]

STACKS = {
    # NeMo 2.4 itself is installed without its dependencies.
    "2.4": ("requirements-ml.txt", "nemo-toolkit"),
    "3.0": ("requirements-ml-nemo3.txt", None),
}


@pytest.fixture(scope="module")
def text() -> str:
    """What the environment that runs the tests makes of the clip."""
    done = run(sys.executable, "-m", "parakeet_cli", "transcribe", CLIP, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(CLIP_ENDS)
    return done.stdout.strip()


@pytest.mark.parametrize(("version", "resolution"), PARAMETERS)
def test_the_wheel_works_on_each_python_at_both_ends_of_its_bounds(
    version: str, resolution: list[str], wheel: Path, text: str, tmp_path: Path
) -> None:
    interpreter = python(version)
    env = {"HOME": str(tmp_path)}
    environment = Environment.make_with_uv(
        tmp_path / "venv", interpreter, *WHEELS_ONLY, *resolution, wheel
    )
    transcribed = environment.parakeet("transcribe", CLIP, env=env)
    assert (transcribed.returncode, transcribed.stdout.strip()) == (0, text), transcribed.stderr
    dictated = environment.parakeet("dictate", "--from-file", CLIP, "--fast", env=env)
    assert dictated.returncode == 0, dictated.stderr
    assert dictated.stdout.strip().endswith(CLIP_ENDS)
    doctor = environment.parakeet("doctor", "--json", env=env)
    report = json.loads(doctor.stdout)
    assert report["python"].startswith(str(environment.path))
    assert [one for one in report["findings"] if one["status"] == "unknown"] == []
    shutil.rmtree(environment.path)  # pytest keeps folders, and environments are large


@pytest.mark.parametrize("stack", STACKS)
def test_the_bounds_can_be_met_in_one_environment_with_each_ml_stack(
    stack: str, tmp_path: Path
) -> None:
    """The documented way: one environment, NumPy 1 included."""
    file, without = STACKS[stack]
    wanted = [
        line
        for name in (file, "requirements-torch.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "--")) and not (without and line.startswith(without))
    ]
    assert any(line.startswith("torch>") for line in wanted)
    requirements = tmp_path / "stack.in"
    requirements.write_text("\n".join(wanted))
    done = uv(
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--python-version=3.11",
        "--extra=digits",
        "--extra=ray",
        ROOT / "pyproject.toml",
        requirements,
    )
    assert done.returncode == 0, done.stderr
    chosen = dict(line.split(";")[0].strip().split("==") for line in done.stdout.splitlines())
    assert chosen["numpy"].startswith("1." if stack == "2.4" else "2.")
    assert {"torch", "av", "faster-whisper"} <= set(chosen)


@pytest.mark.soak
@pytest.mark.parametrize("resolution", [LOWEST, HIGHEST], ids=["lowest", "highest"])
@pytest.mark.parametrize("version", supported())
def test_the_unit_tests_pass_on_each_python_at_both_ends_of_the_bounds(
    version: str, resolution: list[str], tmp_path: Path
) -> None:
    interpreter = python(version)
    extras = f"{ROOT}[digits]"
    environment = Environment.make_with_uv(tmp_path / "venv", interpreter, *resolution, extras)
    tools = ("pytest>=8", "hypothesis>=6.100", "build>=1.2", "uv>=0.9", "onnx>=1.17")
    installed = environment.bin / "python"
    assert uv("pip", "install", "--python", installed, *tools).returncode == 0
    done = run(installed, "-m", "pytest", "-q", "tests/unit", "tests/cli", cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    shutil.rmtree(environment.path)
