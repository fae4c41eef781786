from __future__ import annotations

import pytest

from parakeet_cli.dictate.text.fillers import drop_fillers


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Um, I think, uh, that it works.", "I think that it works."),
        ("Well um no.", "Well no."),
        ("He said uh.", "He said."),
        ("Uh.", ""),
        ("It is, um.", "It is."),
        ("Hm, yes. Uh, no.", "Yes. No."),
        ("I think... um... yes", "I think... yes"),
        ("So, uh I went", "So, I went"),
        ("Umbrellas hum.", "Umbrellas hum."),
        ("The uh-oh moment", "The uh-oh moment"),
        ("i know uh it", "i know it"),
    ],
)
def test_fillers_go_with_the_marks_that_set_them_off(said: str, written: str) -> None:
    assert drop_fillers(said, "en") == written


def test_another_language_has_others() -> None:
    assert drop_fillers("Ähm, er geht um acht.", "de") == "Er geht um acht."
    assert drop_fillers("Er um acht uh", "de-CH") == "Er um acht"
