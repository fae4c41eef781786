from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.terms.choice import TermChooser
from parakeet_cli.engines.nemo.worker.terms.tree import TokenTree, make_tree

PIECES = ["<unk>", "▁ku", "▁cu", "ber", "net", "es", "▁is", "▁up", "."]
BLANK = len(PIECES)


def decoded(tree: TokenTree, steps: list[dict[str, float]]) -> str:
    """What a chooser makes of steps, each with the scores of some pieces (others: -20)."""
    scores = np.full((len(steps), BLANK + 1), -20.0, np.float32)
    for row, step in zip(scores, steps, strict=True):
        for piece, score in step.items():
            row[PIECES.index(piece)] = score
    chooser: TermChooser[int] = TermChooser(tree, BLANK)
    found: list[int] = []
    while True:
        if len(found) == len(steps):
            back = chooser.finish()
            if back is None:
                return "".join(PIECES[token] for token in found)
        else:
            row = scores[len(found)]
            token, back = chooser.choose(row, int(row[:BLANK].argmax()), len(found))
            if back is None:
                found.append(token)
        if back is not None:
            del found[back:]


HEARD = [{"▁cu": -0.1, "▁ku": -2.5}, {"ber": -0.1}, {"net": -0.1}, {"es": -0.1}]
TREE = make_tree(PIECES, ["Kubernetes"])


def test_a_term_is_preferred_to_what_is_a_little_more_probable() -> None:
    assert decoded(TREE, [*HEARD, {"▁is": 0.0}]) == "▁kubernetes▁is"
    assert decoded(TREE, HEARD) == "▁kubernetes"


def test_the_beginning_of_a_term_is_not_written_where_the_term_is_not() -> None:
    assert decoded(TREE, [*HEARD[:2], {"▁is": 0.0}, {"▁up": 0.0}]) == "▁cuber▁is▁up"
    assert decoded(TREE, HEARD[:3]) == "▁cubernet"
    assert decoded(TREE, [*HEARD, {"ber": 0.0}]) == "▁cubernetesber"


def test_a_term_that_costs_more_than_it_earns_is_not_written() -> None:
    steps = [{"▁up": 0.0, second: -9.0} for second in ("▁ku", "ber", "net", "es")]
    assert decoded(TREE, steps) == "▁up" * 4


def test_what_follows_a_term_that_was_not_there_may_be_another_term() -> None:
    assert decoded(TREE, [HEARD[0], *HEARD]) == "▁cu▁kubernetes"


def test_a_model_s_own_signs_are_no_text() -> None:
    tree = make_tree(PIECES, ["<unk>"])
    assert len(tree) == 1


@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-12, 0), min_size=len(PIECES), max_size=len(PIECES)), max_size=7)
)
def test_decoding_always_ends_and_differs_only_where_a_whole_term_is_written(
    rows: list[list[float]],
) -> None:
    steps = [dict(zip(PIECES, row, strict=True)) for row in rows]
    best = "".join(PIECES[int(np.argmax(np.array(row, np.float32)))] for row in rows)
    for terms in (["cuber"], ["Kubernetes", "is up"]):
        text = decoded(make_tree(PIECES, terms), steps)
        if text != best:
            assert any("▁" + term.lower().replace(" ", "▁") in text for term in terms), (text, best)


def test_without_terms_in_reach_the_scores_decide() -> None:
    tree = make_tree(PIECES, ["zzz"])
    assert len(tree) == 1
    assert decoded(tree, HEARD) == "▁cubernetes"
    assert tree.weights(0) == pytest.approx(np.zeros(len(PIECES)))
