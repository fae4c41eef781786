"""`parakeet setup` of the engine nemo with a real NeMo, which proves itself by transcribing."""

from __future__ import annotations

import pytest

from tests.held_out import held_out, small_parakeet
from tests.integration.setup.machine import NEMO, Machine
from tests.stacks import Stacks

pytestmark = pytest.mark.slow


def test_nemo_is_proved_by_transcribing_and_then_used_unasked(
    machine: Machine, stacks: Stacks
) -> None:
    env = stacks("verified").linked(machine.folder / "env")
    done = machine.run(
        *("setup", "--engine", "nemo", "--stack", "2.4", "--env", str(env.prefix), "--offline"),
        *("--model", str(small_parakeet(NEMO)), "--sample", str(machine.clip), "--yes"),
    )
    assert done.returncode == 0, done.stderr
    assert machine.settings()["ml_python"] == str(env.python)
    heard = machine.run("transcribe", str(machine.clip))
    assert heard.stdout.split() == list(held_out()[0].words)
    assert "Engine: nemo" in heard.stderr
