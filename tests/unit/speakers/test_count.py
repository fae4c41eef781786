"""How many speakers there may be is read from text."""

from __future__ import annotations

import re

import pytest

from parakeet_cli.speakers.count import PATTERN, SpeakerCount


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("auto", SpeakerCount()),
        ("1", SpeakerCount(1, 1)),
        ("3", SpeakerCount(3, 3)),
        ("2-5", SpeakerCount(2, 5)),
        ("02-05", SpeakerCount(2, 5)),
        ("99", SpeakerCount(99, 99)),
    ],
)
def test_a_number_a_range_and_auto_are_read(text: str, count: SpeakerCount) -> None:
    assert SpeakerCount.parse(text) == count
    assert re.match(PATTERN, text)


@pytest.mark.parametrize("text", ["", "0", "-1", "2-", "-5", "5-2", "0-3", "100", "2-5-7", "many"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        SpeakerCount.parse(text)
