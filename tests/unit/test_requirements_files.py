"""Every version of the ML stack is written in three files, and everything else reads them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.doctor.stack.stack import load_stack, stack_names

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "ml-dependencies.md"
POLICY_FILES = {"requirements-torch.txt", "requirements-ml.txt", "requirements-ml-nemo3.txt"}
# The tool has its own dependencies; tests and lock files repeat versions on purpose.
EXEMPT = {"pyproject.toml", "poetry.lock", "uv.lock", "pdm.lock"}
LOCK = ("containers", "lock")
EXEMPT_FOLDERS = {"tests", "samples", "build", "dist", "bench-data"}
TEXT = {".py", ".toml", ".yml", ".yaml", ".sh", ".md", ".txt", ".cfg", ".json", ""}
GENERATED = re.compile(r"<!-- table: [\w.-]+ -->.*?<!-- end -->", re.DOTALL)


def pattern() -> re.Pattern[str]:
    """A requirement of one of the stacks' packages with a version: `numpy<2`."""
    names = {pin.name for name in stack_names() for pin in load_stack(name).pins}
    either = "|".join(re.escape(name).replace(r"\-", "[-_.]") for name in sorted(names))
    return re.compile(
        rf"(?<![\w.-])({either})(\[[\w,-]+\])?\s?(===?|~=|!=|>=|<=|<|>)\s?\d", re.IGNORECASE
    )


def texts() -> Iterator[tuple[Path, str]]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if (
            hidden
            or parts[:2] == LOCK
            or parts[0] in EXEMPT_FOLDERS
            or path.name in EXEMPT | POLICY_FILES
        ):
            continue
        if path.is_file() and path.suffix in TEXT and path.stat().st_size < 2**20:
            text = path.read_text("utf-8", errors="replace")
            yield path, GENERATED.sub("", text)


def test_no_other_file_contains_a_version_of_the_stack() -> None:
    versions = pattern()
    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for path, text in texts()
        for hit in versions.finditer(text)
    ]
    assert found == []


def test_the_pattern_finds_a_version() -> None:
    for text in ("numpy<2.0", "pip install nemo-toolkit[asr]==2.4.0", "pytorch_lightning >=2.0"):
        assert pattern().search(text)
    assert not pattern().search("numpy 1.26 and setuptools 81, torch-projectors==1")


@pytest.mark.parametrize(
    ("name", "cuda"),
    [
        ("environment.yml", "12.8"),
        ("environment-cu126.yml", "12.6"),
        ("environment-cu130.yml", "13.0"),
    ],
)
def test_conda_brings_python_and_system_binaries_only(name: str, cuda: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.findall(r"^  - ([\w-]+)(=\S+)?$", text.partition("dependencies:")[2], re.MULTILINE)
    assert dict(entries) == {
        "python": "=3.11",
        "pip": "",
        "cuda-toolkit": f"={cuda}",
        "portaudio": "",
        "libsndfile": "",
        "ffmpeg": "",
    }
    assert "pip:" not in text


def test_conda_environments_for_several_cudas_can_be_kept_side_by_side() -> None:
    texts = [path.read_text() for path in sorted(ROOT.glob("environment*.yml"))]
    names = [re.findall(r"^name: (\S+)$", text, re.MULTILINE) for text in texts]
    assert sorted(names) == [
        ["personalparakeet"],
        ["personalparakeet-cu126"],
        ["personalparakeet-cu130"],
    ]


@pytest.mark.parametrize("script", ["ml_guide.py", "conda_environments.py", "shell_files.py"])
def test_what_a_script_writes_is_current(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guides_file_reference_names_every_file_of_the_policy_and_each_exists() -> None:
    reference = GUIDE.read_text().partition("## File reference")[2]
    named = set(re.findall(r"^\| `([\w./-]+)`", reference, re.MULTILINE))
    policy = {file.name for name in stack_names() for file in load_stack(name).files}
    assert policy == POLICY_FILES
    assert named >= POLICY_FILES | {"pyproject.toml", "environment.yml"}
    scripts = {"fix_ml_dependencies.sh", "clean_install_ml.sh"}  # scripts of the repair
    assert {name for name in named if not (ROOT / name).exists()} <= scripts


def test_the_wheel_contains_the_requirements_files() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    policy = {name: f"parakeet_cli/data/{name}" for name in POLICY_FILES}
    assert included.items() >= policy.items()


@pytest.mark.slow
def test_a_built_wheel_contains_the_policy_and_the_catalogue(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name in POLICY_FILES:
            assert archive.read(f"parakeet_cli/data/{name}") == (ROOT / name).read_bytes()
    assert {
        "parakeet_cli/doctor/stack/policy.toml",
        "parakeet_cli/doctor/stack/combinations.toml",
        "parakeet_cli/doctor/stack/torch_builds.toml",
        "parakeet_cli/doctor/explain/catalogue.toml",
        "parakeet_cli/doctor/explain/posted.toml",
    } <= names
