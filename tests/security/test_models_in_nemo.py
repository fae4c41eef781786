"""Attacks on NeMo itself by model files, with both real stacks and real workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.engines.nemo.process import NemoProcess
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import private_copy
from tests.security.background import in_background
from tests.security.hostile_models import HOSTILE, SMALL, hostile_weights
from tests.stacks import Stacks

pytestmark = pytest.mark.slow

EXCHANGES = 12  # loads while the file is exchanged: each takes a quarter of a second


@pytest.fixture(scope="module", params=["verified", "verified-3"])
def python(request: pytest.FixtureRequest, stacks: Stacks) -> str:
    return str(stacks(request.param).python)


def test_no_hostile_model_reaches_nemo(python: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for number, (attack, make) in enumerate(HOSTILE.items()):
        model = tmp_path / f"m{number}.nemo"
        model.write_bytes(make(canary))
        options = EngineOptions(model=str(model), device="cpu", threads=1, ml_python=python)
        with pytest.raises(EngineUnavailable, match="was not loaded"):
            Nemo(options, concurrency=1).load()
        assert not canary.exists(), attack


def test_a_model_that_is_exchanged_while_it_loads_never_runs(python: str, tmp_path: Path) -> None:
    """The worker is told to trust it, so that NeMo 2.4 would run whatever it is given."""
    canary, model = tmp_path / "canary", tmp_path / "m.nemo"
    outcomes = []
    worker = NemoProcess(python)
    try:
        with exchanging(model, SMALL.read_bytes(), hostile_weights(canary)):
            for _ in range(EXCHANGES):
                try:
                    with private_copy(model) as copy:
                        wanted = {"path": str(copy), "device": "cpu", "trusted": True}
                        worker.request("load", model=wanted)
                    outcomes.append("loaded")
                except EngineUnavailable as error:
                    assert "was not loaded" in str(error)
                    outcomes.append("refused")
                assert not canary.exists()
    finally:
        worker.close()
    assert set(outcomes) == {"loaded", "refused"}, outcomes


@contextmanager
def exchanging(model: Path, good: bytes, bad: bytes) -> Iterator[None]:
    """Put one and the other in the file's place, by renaming and by writing into it."""
    model.write_bytes(good)

    def exchange(done: Event) -> None:
        part = model.with_suffix(".part")
        for content in itertools.cycle((good, bad)):
            if done.wait(0.003):
                return
            part.write_bytes(content)
            part.replace(model)

    with in_background(exchange):
        yield
