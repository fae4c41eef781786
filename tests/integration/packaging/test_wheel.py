from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from parakeet_cli import __version__
from parakeet_cli.cli.doctor.sample import CLIP as SAMPLE
from tests.integration.packaging.environments import (
    CLIP,
    CLIP_ENDS,
    ROOT,
    Environment,
    copy_checkout,
)

pytestmark = pytest.mark.slow


def test_the_wheel_contains_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "parakeet_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package <= names
    assert "parakeet_cli/py.typed" in names
    assert f"parakeet_cli/data/{SAMPLE}" in names
    shared = f"parakeet_cli-{__version__}.data/data/share/"
    assert {name.removeprefix(shared) for name in names if name.startswith(shared)} == {
        str(path.relative_to(ROOT / "share"))
        for path in (ROOT / "share").rglob("*")
        if path.is_file()
    }
    assert {name.partition("/")[0] for name in names} == {
        "parakeet_cli",
        f"parakeet_cli-{__version__}.data",
        f"parakeet_cli-{__version__}.dist-info",
    }


def test_the_wheel_contains_the_versions_of_the_ml_stack(wheel: Path) -> None:
    """They are written in these files once; the installed doctor reads its copy."""
    files = sorted(ROOT.glob("requirements-*.txt"))
    assert len(files) == 3
    with zipfile.ZipFile(wheel) as archive:
        for file in files:
            assert archive.read(f"parakeet_cli/data/{file.name}") == file.read_bytes()


def test_the_wheel_requires_nothing_of_the_ml_stack(wheel: Path) -> None:
    """NeMo and torch are installed by the doctor, in order, never by an extra."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"parakeet_cli-{__version__}.dist-info/METADATA").decode()
    asked = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert any("faster-whisper" in line for line in asked)
    assert not [line for line in asked if "torch" in line or "nemo" in line]
    assert not [line for line in asked if "pytest" in line]


def test_the_sdist_contains_what_a_build_needs_and_neither_tests_nor_samples(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "docs/setup.md"} <= names
    assert "share/man/man1/parakeet.1" in names
    assert not [name for name in names if name.startswith(("tests", "bench", "scripts"))]
    samples = {name for name in names if name.startswith("samples/")}
    assert samples == {"samples/README.md", f"samples/{SAMPLE}"}  # the one that the wheel has


def test_the_wheel_transcribes_in_a_clean_environment(wheel: Path, folder: Path) -> None:
    environment = Environment.make(folder / "of-the-wheel", wheel)
    assert environment.parakeet("--version").stdout == f"parakeet {__version__}\n"
    done = environment.parakeet("transcribe", CLIP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(CLIP_ENDS)


def test_pip_install_of_the_checkout_transcribes(folder: Path) -> None:
    checkout = copy_checkout(folder / "checkout")
    environment = Environment.make(folder / "of-the-checkout", ".", cwd=checkout)
    done = environment.parakeet("transcribe", CLIP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(CLIP_ENDS)
