from __future__ import annotations

import pytest

from parakeet_cli.dictate.text import filter as text_filter
from parakeet_cli.dictate.text.filter import FilterFailed, filter_text


def test_the_text_is_what_the_command_prints() -> None:
    assert filter_text("tr a-z A-Z", "schöne neue") == "SCHöNE NEUE"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo no >&2; exit 3", "ended with exit code 3: no"),
        ("printf '\\377'", "isn't UTF-8"),
        ("no-such-program-here", "127"),
    ],
)
def test_a_failure_says_why_and_that_the_text_stays(command: str, why: str) -> None:
    with pytest.raises(FilterFailed, match="The text is inserted as it was") as failed:
        filter_text(command, "text")
    assert why in str(failed.value)


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_filter, "LIMIT", 0.2)
    with pytest.raises(FilterFailed, match=r"not ended after 0\.2 seconds"):
        filter_text("sleep 60", "text")


def test_what_a_command_printed_last_is_a_sentence_of_its_own() -> None:
    with pytest.raises(FilterFailed) as failed:
        filter_text("echo not found >&2; exit 3", "text")
    assert str(failed.value).endswith("3: not found. The text is inserted as it was.")
