from __future__ import annotations

import pytest

from parakeet_cli.system.units import bytes_in_words, clock_time, megabytes


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (59.99, "0:59"), (61, "1:01"), (3599.9, "59:59"), (36_123, "10:02:03")],
)
def test_seconds_are_shown_as_a_clock_shows_them(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


def test_bytes_are_shown_in_decimal_megabytes() -> None:
    assert megabytes(2_509_332_480) == "2509 MB"
    assert megabytes(2_509_332_480, ",.1f") == "2,509.3 MB"


@pytest.mark.parametrize(
    ("count", "shown"), [(78_200_000, "78 MB"), (2_509_332_480, "2.51 GB"), (10**9, "1.00 GB")]
)
def test_bytes_are_given_to_three_digits(count: int, shown: str) -> None:
    assert bytes_in_words(count) == shown
