"""Kills repairs at random moments: the environment is always as it was before, or healthy.

A hundred kills in every run of the tests, a thousand in `make soak`: PARAKEET_SOAK_KILLS sets
another number, PARAKEET_SOAK_SEED the seed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import RepairCase, pinned_wheels, upgrades
from tests.integration.doctor.test_repair import phases, recover, start, wait_for

pytestmark = pytest.mark.slow

# The phases that take a while; `before the journal` is hit only by chance.
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
# Environments under repair at once: a doctor and its pip keep one core busy.
PARALLEL = 2


@dataclass(slots=True)
class Killer:
    """One broken environment, whose doctor is killed again and again."""

    case: RepairCase
    hit: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    before: dict[str, tuple[object, ...]] = field(default_factory=dict)
    late: int = 0  # repairs that had ended before their moment came
    whole: float = 0.0  # seconds that an undisturbed repair takes

    def measure(self) -> None:
        self.before = self.case.tree()
        for time_of in ("first", "second"):  # the first fills caches, and takes twice as long
            began = time.monotonic()
            assert start(self.case).wait() == 0
            self.whole = time.monotonic() - began
            self.roll_back(time_of)

    def kill(self, moment: float | str) -> None:
        """Kill it after that many seconds, or in the phase of that name."""
        process = start(self.case)
        if isinstance(moment, str):
            wait_for(self.case, moment, process)
        else:
            time.sleep(moment)
        if process.poll() is not None:  # too late: this one doesn't count
            assert process.returncode == 0, moment
            self.late += 1
            self.roll_back(moment)
            return
        process.kill()
        process.wait()
        events = phases(self.case)
        self.hit[events[-1] if events else "before the journal"] += 1
        recover(self.case)
        now = self.case.tree()
        if now == self.before:
            self.ended["as it was"] += 1
            return
        names = {name for name in {*now, *self.before} if now.get(name) != self.before.get(name)}
        assert events[-1:] in (["proving"], ["stands"]), (moment, events, sorted(names)[:20])
        # Its last event was written, so the repair is complete.
        assert self.case.run("--skip", "disk-space").returncode == 0, (moment, events)
        self.ended["healthy"] += 1
        self.roll_back(moment)

    def roll_back(self, moment: float | str) -> None:
        assert self.case.run("rollback").returncode == 0, moment
        assert self.case.tree() == self.before, moment


@pytest.fixture
def killers(tmp_path: Path) -> Iterator[list[Killer]]:
    wheels = pinned_wheels()
    environment = Environment.new(tmp_path / "upgraded")
    environment.install(wheels.values(), tmp_path / "good")
    environment.install(upgrades(wheels), tmp_path / "bad")
    folders = [tmp_path / f"folder{number}" for number in range(PARALLEL)]
    for folder in folders:
        folder.mkdir()
    yield [
        Killer(RepairCase(environment.copy(folder / "env"), folder, tmp_path / "good"))
        for folder in folders
    ]


# The doctor, killed as it writes the first event of its journal.
KILLED_AT_ONCE = """
import os, signal, sys
from parakeet_cli.doctor.repair.rollback.journal import RepairJournal
from parakeet_cli.__main__ import main
RepairJournal.write = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_killed_before_the_first_event_of_its_journal_its_folder_is_found(
    killers: list[Killer],
) -> None:
    case = killers[0].case
    before = case.tree()
    command = case.fix_command()
    command[1:3] = ["-c", KILLED_AT_ONCE]
    assert start(case, command).wait() == -signal.SIGKILL
    assert case.tree() != before
    recover(case)
    assert case.tree() == before


@pytest.mark.parametrize(
    "kills",
    [100, pytest.param(int(os.environ.get("PARAKEET_SOAK_KILLS", "1000")), marks=pytest.mark.soak)],
)
def test_killed_at_any_moment_the_environment_is_as_it_was_or_healthy(
    killers: list[Killer], kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("PARAKEET_SOAK_SEED", "20261122"))

    def work(number: int) -> None:
        moments = random.Random(seed + number)
        killer = killers[number]
        killer.measure()
        own = len(range(number, kills, PARALLEL))
        while killer.hit.total() < own:
            killer.kill(moments.uniform(0, killer.whole))

    began = time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(work, range(PARALLEL)))
    hit = sum((killer.hit for killer in killers), Counter[str]())
    missed = sorted(EVERY - set(hit))  # too short to be hit by chance: waited for
    for phase in missed:
        for _ in range(20):  # the shortest may be over before the signal comes
            if killers[0].hit[phase] == 0:
                killers[0].kill(phase)
    hit = sum((killer.hit for killer in killers), Counter[str]())
    ended = sum((killer.ended for killer in killers), Counter[str]())
    took = time.monotonic() - began
    with capsys.disabled():
        whole = max(killer.whole for killer in killers)
        print(f"\n{hit.total()} kills in {took:.0f} s, at any moment of a repair of {whole:.1f} s")
        late = sum(killer.late for killer in killers)
        print(f"  seed {seed}; afterwards {dict(ended)}; {late} more came too late")
        print(f"  waited for: {', '.join(missed) or 'none'}")
        for event, times in hit.most_common():
            print(f"  {times:5}  {event}")
    assert hit.total() >= kills
    assert set(hit) >= EVERY
