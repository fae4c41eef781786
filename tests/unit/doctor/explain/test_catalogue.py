"""The catalogue has its forty rows, and each is complete."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.explain.catalogue import Failure, catalogue, guide, posted

ALL = (*catalogue(), *guide())


def test_the_catalogue_has_forty_rows_in_order() -> None:
    assert [row.number for row in catalogue()] == list(range(1, 41))


def test_the_guides_own_troubles_follow_the_forty() -> None:
    assert [row.number for row in guide()] == list(range(41, 41 + len(guide())))


def test_the_posted_rows_have_numbers_of_their_own_in_order() -> None:
    numbers = [row.number for row in posted()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 100


@pytest.mark.parametrize("row", posted(), ids=lambda row: str(row.number))
def test_a_posted_row_has_cause_remedy_source_and_names_a_check_or_none(row: Failure) -> None:
    assert row.title
    assert row.messages
    assert row.cause.endswith("."), row.cause
    assert row.remedy
    assert row.sources
    assert all(source.startswith("https://") for source in row.sources)
    assert row.check in {*CHECKS, ""}
    assert row.mark in ("staged", "text")


@pytest.mark.parametrize("row", (*ALL, *posted()), ids=lambda row: str(row.number))
def test_what_a_row_outranks_exists(row: Failure) -> None:
    numbers = {one.number for one in (*ALL, *posted())}
    assert set(row.outranks) <= numbers - {row.number}


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


@pytest.mark.parametrize("row", (*ALL, *posted()), ids=lambda row: str(row.number))
def test_no_pattern_begins_with_a_run_of_any_length(row: Failure) -> None:
    """Each place of a long text would be tried to its end: hours for a few megabytes."""
    endless = re.compile(r"\(?(?:\?P<\w+>)?(?:\[[^\]]*\]|\\[wdsWDS]|\.)[+*]")
    assert not [text for text in row.messages if endless.match(text)]
