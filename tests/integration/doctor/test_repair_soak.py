"""Killed at random moments, again and again: identical to before, or healthy, always.

PARAKEET_SOAK_KILLS sets how many (1,000; `make soak`), PARAKEET_SOAK_SEED the seed.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.doctor.madeup import Environment
from tests.integration.doctor.repairing import Surgery
from tests.integration.doctor.test_repair import made, phases, recover, start, wait_for

__all__ = ["made"]  # the fixture

# What may take a while; `before the journal` is hit by chance alone.
EVERY = {
    "begin",
    "fetching",
    "keeping",
    "step 1",
    "step 3",
    "step 4",
    "step 6",
    "proving",
}


@pytest.mark.soak
def test_killed_at_any_moment_the_environment_is_as_it_was_or_healthy(
    made: tuple[Environment, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = int(os.environ.get("PARAKEET_SOAK_KILLS", "1000"))
    seed = int(os.environ.get("PARAKEET_SOAK_SEED", "20261122"))
    moments = random.Random(seed)
    surgery = Surgery(made[0].copy(tmp_path / "env"), tmp_path, made[1])
    before = surgery.tree()
    began = time.monotonic()
    assert start(surgery).wait() == 0
    whole = time.monotonic() - began
    assert surgery.run("rollback").returncode == 0
    hit: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    number = 0
    while number < kills or EVERY - set(hit):
        process = start(surgery)
        if number < kills:
            time.sleep(moments.uniform(0, whole))
        else:  # chance missed a short phase: wait for it
            wait_for(surgery, min(EVERY - set(hit)), process)
        number += 1
        process.kill()
        process.wait()
        events = phases(surgery)
        hit[events[-1] if events else "before the journal"] += 1
        recover(surgery)
        now = surgery.tree()
        if now == before:
            ended["as it was"] += 1
            continue
        changed = {name for name in {*now, *before} if now.get(name) != before.get(name)}
        assert events[-1:] in ([], ["proving"], ["stands"]), (number, events, sorted(changed)[:20])
        # It had ended already, or its last event was written: then it stands, proven.
        assert surgery.run("--skip", "disk-space").returncode == 0, (number, events)
        ended["healthy"] += 1
        assert surgery.run("rollback").returncode == 0, (number, events)
        assert surgery.tree() == before, (number, events)
    with capsys.disabled():
        print(f"\n{kills} kills in {whole:.1f} s of a repair, seed {seed}: {dict(ended)}")
        for event, times in hit.most_common():
            print(f"  {times:5}  {event}")
    assert set(hit) >= EVERY
