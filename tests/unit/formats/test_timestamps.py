from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.formats.timestamps import timestamp


@pytest.mark.parametrize(
    ("milliseconds", "point", "shown"),
    [
        (0, ",", "00:00:00,000"),
        (61_007, ".", "00:01:01.007"),
        (3_599_999, ",", "00:59:59,999"),
        (3_600_000, ",", "01:00:00,000"),
        (360_000_000, ".", "100:00:00.000"),
    ],
)
def test_a_time_has_hours_and_milliseconds(milliseconds: int, point: str, shown: str) -> None:
    assert timestamp(milliseconds, point) == shown


@given(st.integers(0, 10**9))
def test_a_time_can_be_read_back(milliseconds: int) -> None:
    hours, minutes, seconds = timestamp(milliseconds, ".").split(":")
    assert int(minutes) < 60
    assert float(seconds) < 60
    whole, fraction = seconds.split(".")
    assert 1000 * (3600 * int(hours) + 60 * int(minutes) + int(whole)) + int(fraction) == (
        milliseconds
    )
