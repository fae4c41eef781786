from __future__ import annotations

import pytest

from parakeet_cli.errors import Obstacle
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.watch import pauses as module
from parakeet_cli.transcribe.watch.pauses import Pauses
from parakeet_cli.transcript import FileResult, Status

FULL = Obstacle("the disk is full")
PERHAPS = Obstacle("it is too large", certain=False)


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def state(pauses: Pauses) -> tuple[bool, bool]:
    """Whether something may be begun, and whether one file alone."""
    return pauses.over, pauses.trying


def item(number: int) -> PlannedFile:
    return PlannedFile(Job(f"{number}.wav", f"{number}.wav"), (), number)


def stopped(obstacle: Obstacle) -> FileResult:
    return FileResult("a.wav", Status.FAILED, reason="A reason.", obstacle=obstacle)


def test_a_full_disk_pauses_everything_until_one_file_alone_goes_well(clock: Clock) -> None:
    said: list[str] = []
    pauses = Pauses(30.0, said.append)
    assert pauses.hold(item(1), stopped(FULL)) is None
    assert pauses.hold(item(2), stopped(FULL)) is None
    assert state(pauses) == (False, True)
    assert said == ["Waiting: the disk is full. It is tried again each 30 s."]
    clock.now += 31
    assert state(pauses) == (True, True)
    assert pauses.next_held() == item(1)
    pauses.hold(item(1), stopped(FULL))
    assert state(pauses) == (False, True)
    assert len(said) == 1  # it was said
    clock.now += 31
    assert pauses.next_held() == item(2)
    pauses.passed(item(2).job.key)
    assert said[1:] == ["Going on."]
    assert state(pauses) == (True, False)
    assert pauses.next_held() == item(1)
    assert pauses.next_held() is None


def test_a_file_that_alone_meets_an_obstacle_again_and_again_is_to_blame(clock: Clock) -> None:
    pauses = Pauses(0.0, lambda _: None)
    for _attempt in range(2):
        assert pauses.hold(item(1), stopped(PERHAPS)) is None
        assert pauses.next_held() is None
        pauses.passed("2.wav")  # others go well
        clock.now += 2
        assert pauses.next_held() == item(1)
    blamed = pauses.hold(item(1), stopped(PERHAPS))
    assert blamed is not None and blamed.obstacle is None
    assert pauses.next_held() is None


def test_a_cause_that_may_be_a_files_own_is_believed_of_the_third_in_a_row(clock: Clock) -> None:
    pauses = Pauses(30.0, lambda _: None)
    assert pauses.hold(item(1), stopped(PERHAPS)) is None
    assert pauses.hold(item(2), stopped(PERHAPS)) is None
    assert state(pauses)[0]
    assert pauses.hold(item(3), stopped(PERHAPS)) is None
    assert not state(pauses)[0]
