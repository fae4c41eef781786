from __future__ import annotations

import numpy as np

from parakeet_cli.engines.nemo.worker.forced.lattice import CtcAligner
from parakeet_cli.engines.nemo.worker.forced.replacing import with_given_words
from parakeet_cli.engines.nemo.worker.forced.text import TextToAlign
from parakeet_cli.engines.nemo.worker.terms.spotting import greedy_runs

PIECES = ["<unk>", "▁one", "▁two", "▁to", "▁three", "▁uh", "▁four", "▁f", "our", "."]
BLANK = len(PIECES)


def aligned(text: str, *each: dict[str, float] | None) -> str:
    """The tokens with their first frames; `each` frame has the labels that are probable."""
    table = np.full((len(each), BLANK + 1), -20.0, np.float32)
    for row, labels in zip(table, each, strict=True):
        row[BLANK] = -9.0 if labels and max(labels.values()) > -1.0 else 0.0
        for piece, score in (labels or {}).items():
            row[PIECES.index(piece)] = score
    runs = with_given_words(
        TextToAlign(PIECES, text.split()),
        greedy_runs(table, BLANK),
        len(table),
        lambda start, end, _: CtcAligner(table[start:end], BLANK),
    )
    return " ".join(f"{PIECES[number]}{start}" for number, start, _ in runs)


ONE, THREE, FOUR = {"▁one": 0.0}, {"▁three": 0.0}, {"▁four": 0.0}


def test_a_word_of_the_text_replaces_another_that_is_hardly_more_probable() -> None:
    unsure = {"▁to": -0.1, "▁two": -3.0}
    assert aligned("One two three", ONE, None, unsure, None, THREE) == "▁one0 ▁two2 ▁three4"


def test_a_word_that_was_said_instead_stays() -> None:
    assert aligned("one two three", ONE, None, {"▁uh": 0.0}, THREE) == "▁one0 ▁uh2 ▁three3"


def test_a_word_that_was_missed_is_added_and_one_that_is_not_in_the_text_stays() -> None:
    for score, expected in ((-5.0, "▁one0 ▁uh1 ▁two2 ▁three3"), (-12.0, "▁one0 ▁uh1 ▁three3")):
        missed = {"▁two": score}
        assert aligned("one two three", ONE, {"▁uh": 0.0}, missed, THREE) == expected


def test_the_words_at_both_ends_of_a_chunk_are_aligned() -> None:
    unsure = {"▁to": -0.1, "▁two": -3.0}
    text = "one one uh one two three four one one"
    other = {"▁f": -0.1, "▁four": -4.0}
    assert aligned(text, unsure, THREE, other, None) == "▁two0 ▁three1 ▁four2"


def test_without_words_or_with_another_text_nothing_changes() -> None:
    assert aligned("one two", None, None) == ""
    assert aligned("to to to", ONE, FOUR) == "▁one0 ▁four1"
    assert aligned("九 九", ONE, FOUR) == "▁one0 ▁four1"
