from __future__ import annotations

import time

import pytest

from parakeet_cli.engines.silence import ProgressClock


def test_time_in_which_this_process_stood_still_counts_for_a_second() -> None:
    clock = ProgressClock(_looked=time.monotonic() - 5000)
    clock.tick()
    assert clock.now == 1.0


def test_the_speed_is_a_guess_until_something_is_measured() -> None:
    clock = ProgressClock()
    clock.add_audio(100.0)
    assert clock.speed(0.2) == 0.2
    clock.add_busy(4.0)
    assert clock.speed(0.2) == pytest.approx(25.0)
