from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from parakeet_cli import __version__
from tests.integration.packaging.environments import Environment, copy_checkout, pip_index, run

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Poetry:
    """Poetry in an environment of its own, on a copy of the checkout.

    Some mirrors of the index lack the JSON API that Poetry asks. Where it fails, it is
    asked once more through its mirror plugin, which makes do with what pip makes do with.
    """

    tool: Environment
    checkout: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CONFIG_DIR": str(self.tool.path / "config"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        poetry = self.tool.bin / "poetry"
        done = run(poetry, "--no-interaction", *arguments, cwd=self.checkout, env=settings)
        if done.returncode and arguments[0] in ("build", "install"):
            settings["POETRY_PYPI_MIRROR_URL"] = pip_index()
            done = run(poetry, "--no-interaction", *arguments, cwd=self.checkout, env=settings)
        return done

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self("run", *command)


@pytest.fixture(scope="module")
def poetry() -> Iterator[Poetry]:
    with tempfile.TemporaryDirectory(prefix="parakeet-poetry-") as name:
        folder = Path(name)
        tool = Environment.make(folder / "tool", "poetry>=2.2", "poetry-plugin-pypi-mirror")
        yield Poetry(tool, copy_checkout(folder / "checkout"))


@pytest.fixture(scope="module")
def installed(poetry: Poetry) -> Poetry:
    done = poetry("install")
    assert done.returncode == 0, done.stderr
    return poetry


def test_poetry_accepts_the_metadata(poetry: Poetry) -> None:
    checked = poetry("check", "--strict")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_poetry_builds_the_sdist_and_the_wheel(poetry: Poetry) -> None:
    built = poetry("build")
    assert built.returncode == 0, built.stderr
    assert {path.name for path in (poetry.checkout / "dist").iterdir()} == {
        f"parakeet_cli-{__version__}.tar.gz",
        f"parakeet_cli-{__version__}-py3-none-any.whl",
    }


def test_poetry_install_installs_the_command(installed: Poetry) -> None:
    assert installed.run("parakeet", "--version").stdout == f"parakeet {__version__}\n"


def test_poetry_run_pytest_is_the_environments_own(installed: Poetry) -> None:
    """When the test tools were in an extra, a pytest from PATH ran instead, and passed."""
    found = installed.run("python", "-c", "import shutil; print(shutil.which('pytest'))")
    assert found.stdout.strip() == str(installed.checkout / ".venv" / "bin" / "pytest")
    collected = installed.run("pytest", "--collect-only", "-q", "tests/unit")
    assert collected.returncode == 0, collected.stdout
