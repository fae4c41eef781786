"""Decoded and lost intervals add up, whatever the file declared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.audio.decode.coverage import DAMAGED, ENDS_EARLY, Coverage, DeclaredDuration
from parakeet_cli.transcript import LostInterval


def test_a_gap_between_two_intervals_is_lost_with_its_reason() -> None:
    coverage = Coverage()
    coverage.add(0, 10)
    coverage.add(12, 20, "why")
    accounting = coverage.account("exact", 1, 0.0, None)
    assert accounting.lost == (LostInterval(10, 12, "why"),)
    assert accounting.decoded_seconds == 18
    assert accounting.expected_seconds == 20
    assert accounting.damaged_packets == 1


def test_audio_that_starts_late_is_not_lost() -> None:
    coverage = Coverage(begin=3.0)
    coverage.add(3.0, 10)
    assert coverage.account("exact", 0, 0.0, None).lost == ()


def test_losses_outside_the_requested_part_do_not_count() -> None:
    coverage = Coverage()
    coverage.add(0, 10)
    coverage.add(12, 20)
    accounting = coverage.account("exact", 0, 11.0, 15.0)
    assert accounting.lost == (LostInterval(11, 12, DAMAGED),)
    assert accounting.decoded_seconds == 3
    assert accounting.expected_seconds == 4


def test_a_declared_duration_that_was_too_short_is_not_exact() -> None:
    declared = DeclaredDuration(5.0, "exact")
    assert declared.basis_after(5.05) == "exact"
    assert declared.basis_after(10.0) == "estimated"
    assert DeclaredDuration().basis_after(10.0) == "none"


def test_sound_behind_a_lost_end_begins_another_interval_and_loses_nothing_twice() -> None:
    coverage = Coverage()
    coverage.add(0, 3)
    coverage.lose_until(5, ENDS_EARLY)
    coverage.add(5, 7)
    accounting = coverage.account("exact", 0, 0.0, None)
    assert accounting.lost == (LostInterval(3, 5, ENDS_EARLY),)
    assert (accounting.decoded_seconds, accounting.expected_seconds) == (5, 7)


def test_without_a_declared_duration_nothing_is_expected() -> None:
    coverage = Coverage()
    coverage.add(0, 10)
    accounting = coverage.account("none", 0, 0.0, None)
    assert (accounting.expected_basis, accounting.expected_seconds) == ("none", None)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0.01, 50)), max_size=30),
    st.floats(0, 500),
)
def test_decoded_and_lost_add_up_to_expected(steps: list[tuple[float, float]], end: float) -> None:
    coverage = Coverage()
    for gap, length in steps:
        start = coverage.decoded_end + gap
        coverage.add(start, start + length)
    coverage.lose_until(end, ENDS_EARLY)
    accounting = coverage.account("exact", 0, 0.0, None)
    total = accounting.decoded_seconds + accounting.lost_seconds
    assert accounting.expected_seconds == pytest.approx(total, abs=1e-6)
    assert total == pytest.approx(coverage.end, abs=1e-3 * (1 + len(steps)))
