"""Tests for how long NeMo's worker may be silent, without any process."""

from __future__ import annotations

import pytest

from parakeet_cli.engines.nemo.in_hand import SoundInHand
from parakeet_cli.engines.silence import FLOOR_SECONDS, LOADING_SECONDS


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves let the time pass."""
    monkeypatch.setattr(SoundInHand, "tick", lambda _: None)


def measured(speed: float) -> SoundInHand:
    """One that has seen 1000 s of sound at that many times real time."""
    found = SoundInHand()
    found.add(1, "transcribe", 1000.0)
    found.now += 1000 / speed
    found.answered(1)
    return found


def test_a_model_may_take_an_hour_to_be_loaded() -> None:
    found = SoundInHand()
    found.add(1, "load", 0.0)
    found.now = LOADING_SECONDS - 1
    assert found.hangs(()) is None
    found.now = LOADING_SECONDS + 1
    assert found.hangs(()) == LOADING_SECONDS + 1


def test_the_time_of_loading_is_not_counted_as_slow_work() -> None:
    found = SoundInHand()
    found.add(1, "load", 0.0)
    found.now = 3000.0
    found.answered(1)
    found.add(2, "transcribe", 100.0)
    found.now += 2.0
    found.answered(2)
    assert found.speed(0.2) == pytest.approx(50.0, rel=0.01)


def test_more_sound_in_hand_may_take_longer_by_the_speed_that_was_measured() -> None:
    found = measured(10.0)
    found.add(2, "transcribe", 120.0)
    assert found.allowed((2,)) == pytest.approx(FLOOR_SECONDS + 2 * 12)
    found.add(3, "transcribe", 120.0)
    assert found.allowed((2, 3)) == pytest.approx(FLOOR_SECONDS + 2 * 24)
    assert found.allowed(()) == found.allowed((2,))  # one of them is about to be started
    found.now += FLOOR_SECONDS + 20
    assert found.hangs((2,)) is None
    found.now += 5
    assert found.hangs((2,)) == FLOOR_SECONDS + 25


def test_before_that_a_gpu_may_make_its_graphs_and_a_cpu_be_five_times_slower_than_speech() -> None:
    on_cpu, on_gpu = SoundInHand(), SoundInHand(on_gpu=True)
    for found in (on_cpu, on_gpu):
        found.add(1, "transcribe", 1200.0)
    assert on_cpu.allowed((1,)) >= FLOOR_SECONDS + 1200 * 5
    assert FLOOR_SECONDS + 100 < on_gpu.allowed((1,)) < 600


def test_the_next_worker_is_taken_to_be_as_fast_and_has_nothing_in_hand() -> None:
    first = measured(10.0)
    first.add(2, "transcribe", 3600.0)
    second = first.of_the_next_worker()
    second.now = 1e6
    assert second.hangs(()) is None
    second.add(1, "transcribe", 120.0)
    assert second.allowed((1,)) == pytest.approx(FLOOR_SECONDS + 2 * 12)


def test_each_sign_of_life_ends_the_silence_and_nothing_to_do_is_none() -> None:
    found = measured(10.0)
    found.now += 10_000.0
    assert found.hangs(()) is None
    found.add(2, "transcribe", 10.0)
    assert found.hangs((2,)) is None
    found.now += FLOOR_SECONDS
    found.progressed()
    found.now += FLOOR_SECONDS
    assert found.hangs((2,)) is None
    found.now += 100.0
    assert found.hangs((2,)) == FLOOR_SECONDS + 100
