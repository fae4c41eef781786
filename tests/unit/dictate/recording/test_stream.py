from __future__ import annotations

from parakeet_cli.dictate.recording.stream import StreamClock


def test_the_clock_goes_on_in_gaps_and_back() -> None:
    clock = StreamClock()
    clock.skip(16_000, 5.0)
    clock.skip(32_000, 1.0)
    assert [clock.seconds(at) for at in (0, 15_999, 16_000, 32_000)] == [0, 0.9999375, 6, 8]
    assert [clock.sample(at) for at in (0.5, 6.0, 7.5, 8.0)] == [8_000, 16_000, 40_000, 32_000]
