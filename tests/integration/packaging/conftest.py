"""The sdist and the wheel, built once for every test that installs them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.packaging.environments import copy_checkout, run


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that is removed after the tests, since environments are large."""
    with tempfile.TemporaryDirectory(prefix="parakeet-wheel-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def built(folder: Path) -> Path:
    """The folder of an sdist and of the wheel that was built from it."""
    checkout = copy_checkout(folder / "built")
    done = run(sys.executable, "-m", "build", "--outdir", folder / "dist", checkout)
    assert done.returncode == 0, done.stderr
    return folder / "dist"


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel
