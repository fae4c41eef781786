from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.terms.spotting import (
    greedy_runs,
    make_spotting_tree,
    runs_with_terms,
)
from parakeet_cli.engines.nemo.worker.terms.tree import Floats, TokenTree

PIECES = ["<unk>", "▁win", "ter", "bo", "n", "ur", "ne", "▁is", "▁to", "▁ter"]
BLANK = len(PIECES)
_OTHERS = -12.0


def frames(*each: dict[str, float] | None) -> Floats:
    """Logarithms of probabilities, a row for each frame; None is blank, and others are rare."""
    table = np.full((len(each), BLANK + 1), _OTHERS, np.float32)
    for row, given_here in zip(table, each, strict=True):
        row[BLANK] = -5.0 if given_here else 0.0
        for piece, score in (given_here or {}).items():
            row[PIECES.index(piece)] = score
    return table


def text(tree: TokenTree, logprobs: Floats) -> str:
    return "".join(PIECES[run[0]] for run in runs_with_terms(tree, logprobs, BLANK))


HEARD = (
    {"▁is": 0.0},
    None,
    {"▁win": 0.0},
    {"ter": 0.0},
    {"bo": 0.0, "n": -4.0},
    {"n": 0.0, "ur": -3.0},
    {"ne": -3.0, "n": -0.1},
    None,
    {"▁to": 0.0},
)
TREE = make_spotting_tree(PIECES, ["Winterbourne"])


def test_a_term_takes_the_place_of_a_word_with_fewer_pieces() -> None:
    logprobs = frames(*HEARD)
    assert "".join(PIECES[run[0]] for run in greedy_runs(logprobs, BLANK)) == "▁is▁winterbon▁to"
    runs = runs_with_terms(TREE, logprobs, BLANK)
    assert "".join(PIECES[run[0]] for run in runs) == "▁is▁winterbourne▁to"
    assert [run[1:] for run in runs] == [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (8, 9)]


def test_a_term_that_costs_more_than_it_earns_stays_out() -> None:
    assert text(make_spotting_tree(PIECES, ["winbo"]), frames(*HEARD)) == "▁is▁winterbon▁to"
    assert text(make_spotting_tree(PIECES, ["isto"]), frames(*HEARD)) == "▁is▁winterbon▁to"


def dearest(terms: list[str], last: str, *before: str, own: str, best: float = 0.0) -> float:
    """The most that a term's last piece may cost where the model finds the piece `own`.

    `best` is the logarithm of the probability of what it finds in each frame.
    """
    tree = make_spotting_tree(PIECES, terms)
    table = np.full((len(before) + 1, BLANK + 1), -60.0, np.float32)
    for row, piece in zip(table, [*before, own], strict=True):
        row[PIECES.index(piece)] = best
    costs = np.arange(0.25, 40, 0.25)
    fits = []
    for cost in costs:
        table[-1, PIECES.index(last)] = best - cost
        fits.append("".join(before) + last in text(tree, table))
    assert fits == sorted(fits, reverse=True)
    return float(costs[sum(fits) - 1]) if fits[0] else -1.0


def test_one_of_many_terms_has_to_cost_less_than_one_of_a_few() -> None:
    letters = "bnetour"
    others = [f"isto{letters[at // 7]}{letters[at % 7]}" for at in range(49)]
    few = dearest(["winne"], "ne", "▁win", own="n")
    many = dearest(["winne", *others], "ne", "▁win", own="n")
    assert 0 < many < few
    # The same term in another case, and one that the model can't write, are no more of them.
    assert make_spotting_tree(PIECES, ["winne", "Łódź", "winne"]).terms == 1
    assert dearest(["winne"] * 50, "ne", "▁win", own="n") == few


def test_each_word_of_a_phrase_has_to_be_worth_it() -> None:
    word = dearest(["winterne"], "ne", "▁win", "ter", own="bo")
    phrase = dearest(["win terne"], "ne", "▁win", "▁ter", own="bo")
    assert 0 < phrase < word


def test_what_has_few_letters_in_common_with_what_is_there_has_to_cost_less() -> None:
    alike = dearest(["winne"], "ne", "▁win", own="n")
    assert dearest(["winne"], "ne", "▁win", own="ter") < alike


def test_where_the_model_is_unsure_a_term_has_to_cost_less() -> None:
    sure = dearest(["winne"], "ne", "▁win", own="n")
    assert 0 < dearest(["winne"], "ne", "▁win", own="n", best=-1.0) < sure


def test_nothing_is_left_of_a_word_that_a_term_takes_the_place_of() -> None:
    for term in ("winter", "terbourne"):  # parts of the word
        assert text(make_spotting_tree(PIECES, [term]), frames(*HEARD)) == "▁is▁winterbon▁to"


def test_nothing_is_left_of_a_first_piece_that_lasts() -> None:
    unsure = {"▁win": -1.0, "▁is": -1.5}
    rows = frames(unsure, unsure, {"ter": 0.0}, {"ne": -0.5, "n": 0.0}, None)
    assert text(make_spotting_tree(PIECES, ["winterne"]), rows) == "▁winterne"


def test_without_a_sound_or_speech_there_are_no_runs() -> None:
    assert runs_with_terms(TREE, np.zeros((0, BLANK + 1), np.float32), BLANK) == []
    assert runs_with_terms(TREE, frames(None, None), BLANK) == []


ROWS = st.lists(st.lists(st.floats(-15, 0), min_size=BLANK + 1, max_size=BLANK + 1), max_size=9)


@settings(deadline=None)
@given(ROWS)
def test_only_whole_terms_take_the_place_of_whole_words(rows: list[list[float]]) -> None:
    logprobs = np.array(rows, np.float32).reshape(len(rows), BLANK + 1)
    greedy = greedy_runs(logprobs, BLANK)
    plain = "".join(PIECES[run[0]] for run in greedy)
    terms = ["winterbo", "uris", "is to"]
    runs = runs_with_terms(make_spotting_tree(PIECES, terms), logprobs, BLANK)
    found = "".join(PIECES[run[0]] for run in runs)
    if found != plain:
        assert any("▁" + term.replace(" ", "▁") in found for term in terms)
    assert all(start < end for _, start, end in runs)
    assert [run[1] for run in runs] == sorted(run[1] for run in runs)
    assert runs_with_terms(make_spotting_tree(PIECES, []), logprobs, BLANK) == greedy
