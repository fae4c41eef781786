"""The catalogue has its forty rows, and each is complete."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.explain.catalogue import Failure, catalogue, guide

ALL = (*catalogue(), *guide())


def test_the_catalogue_has_forty_rows_in_order() -> None:
    assert [row.number for row in catalogue()] == list(range(1, 41))


def test_the_guides_own_troubles_follow_the_forty() -> None:
    assert [row.number for row in guide()] == list(range(41, 41 + len(guide())))


@pytest.mark.parametrize("row", ALL, ids=lambda row: str(row.number))
def test_each_row_names_the_check_that_reports_it(row: Failure) -> None:
    assert row.check in CHECKS


@pytest.mark.parametrize("row", ALL, ids=lambda row: str(row.number))
def test_each_row_has_cause_detection_remedy_and_source(row: Failure) -> None:
    assert row.title
    assert row.messages
    for sentence in (row.cause, row.detect):
        assert sentence.endswith("."), sentence
    assert row.remedy
    assert all(source.startswith("https://") for source in row.sources)
    assert row.sources


@pytest.mark.parametrize("row", ALL, ids=lambda row: str(row.number))
def test_each_row_carries_a_mark_and_impossible_ones_their_reason(row: Failure) -> None:
    assert re.fullmatch(r"staged|facts only|impossible here: .{10,}", row.mark)


def test_the_marks_are_counted_and_most_rows_are_staged(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Counter(row.kind for row in catalogue())
    with capsys.disabled():
        print("\nfailure catalogue:", ", ".join(f"{n} {mark}" for mark, n in counts.items()))
    assert sum(counts.values()) == 40
    assert counts["staged"] >= 25


def test_no_row_writes_a_pin_of_the_stack() -> None:
    from parakeet_cli.doctor.stack.stack import load_stack, stack_names

    names = {pin.name for stack in stack_names() for pin in load_stack(stack).pins}
    spec = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(\[\w+\])?\s*[=<>~!]=?\s*\d")
    for row in ALL:
        assert not spec.search(f"{row.title} {row.cause} {row.detect} {row.remedy}"), row.number
