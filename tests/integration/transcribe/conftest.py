"""The stacks that the engine nemo is tried on: the first always, the second with the soaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from parakeet_cli.engines.nemo.engine import Nemo
from tests.integration.transcribe.nemo_engine import made
from tests.stacks import Stacks


@pytest.fixture(
    scope="module", params=["verified", pytest.param("verified-3", marks=pytest.mark.soak)]
)
def stack(request: pytest.FixtureRequest) -> str:
    """The name of the stack."""
    return str(request.param)


@pytest.fixture(scope="module")
def python(stacks: Stacks, stack: str) -> str:
    """The ML interpreter."""
    return str(stacks(stack).python)


@pytest.fixture(scope="module")
def engine(python: str) -> Iterator[Nemo]:
    """The engine with the small Parakeet, loaded."""
    loaded = made(python)
    yield loaded
    loaded.close()
