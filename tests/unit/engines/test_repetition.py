from __future__ import annotations

import pytest

from parakeet_cli.engines.repetition import is_better, repetitions, runs_in_circles

CIRCLE = "And so " + "thank you very much. " * 8


def test_a_repetition_says_where_it_is_and_what_is_repeated() -> None:
    (found,) = repetitions(CIRCLE.split())
    assert found == (2, 34, "thank you very much.")
    (found,) = repetitions(["well", "ha" * 40])
    assert found == (1, 2, "ha")


@pytest.mark.parametrize(
    "text",
    ["", "no no no no no no, I said", "ten of clubs " * 5, "Hahahahahaha!", "1,000,000,000"],
)
def test_what_people_repeat_is_no_circle(text: str) -> None:
    assert not runs_in_circles(text)


@pytest.mark.parametrize("text", [CIRCLE, "no " * 30, "the " + "b" * 22, "1." * 16])
def test_what_no_one_repeats_is_a_circle(text: str) -> None:
    assert runs_in_circles(text)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("And so thank you very much.", True),
        ("thank you much", True),
        ("thank you", False),  # a decoder leaves a circle for silence, too
        ("", False),
        ("no " * 30, False),
    ],
)
def test_a_better_text_has_no_circle_and_still_the_words(text: str, better: bool) -> None:
    assert is_better(text, than=CIRCLE) is better
