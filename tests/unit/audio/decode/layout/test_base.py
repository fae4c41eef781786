"""A size in a header is believed unless it is a placeholder."""

from __future__ import annotations

import pytest

from parakeet_cli.audio.decode.layout.base import known_size, unwrapped_size


@pytest.mark.parametrize(
    "declared",
    [0, -4, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB, 2_000_000_000, 1 << 63],
)
def test_what_writers_leave_where_they_cannot_go_back_is_unknown(declared: int) -> None:
    assert known_size(declared, 200_000_000) is None


def test_hundreds_of_times_the_file_is_unknown_but_a_file_cut_at_its_start_is_cut() -> None:
    assert known_size(30_000_000, 96_000) is None
    assert known_size(10_000_000, 96_000) == 10_000_000
    assert known_size(10_000_000, 44) == 10_000_000


@pytest.mark.parametrize("declared", [0x7FFFF000, 0xFFFFFFFF, 3_000_000_000])
def test_a_size_that_the_file_has_is_no_placeholder(declared: int) -> None:
    assert known_size(declared, declared + 100) == declared


def test_a_size_of_32_bits_that_wrapped_around_is_unwrapped() -> None:
    assert unwrapped_size(1_000, (1 << 32) + 1_000, 100) == (1 << 32) + 1_000
    assert unwrapped_size(1_000, (3 << 32) + 1_090, 100) == (3 << 32) + 1_000
    assert unwrapped_size(1_000, 1_000, 100) is None
    assert unwrapped_size(1_000, (1 << 32) + 5_000_000, 100) is None
