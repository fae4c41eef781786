from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.terms.tree import ROOT, TokenTree, spellings

PIECES = ["", "▁", "▁a", "▁ab", "a", "b", "ab", "ba", "▁b", "c", ".", "▁c", "-"]


def walk(tree: TokenTree, tokens: Sequence[int]) -> tuple[int, float]:
    """The node behind the tokens, and what they have earned on the way."""
    node, earned = ROOT, 0.0
    for token in tokens:
        earned += float(tree.weights(node)[token])
        node = tree.after(node, token)
    return node, earned


def divisions(text: str) -> Iterator[list[int]]:
    """Every way to divide a text into pieces."""
    if not text:
        yield []
    for token, piece in enumerate(PIECES):
        if piece and text.startswith(piece):
            for rest in divisions(text[len(piece) :]):
                yield [token, *rest]


TERMS = st.lists(st.from_regex(r"[abc]{1,4}( [abc]{1,3}){0,2}", fullmatch=True), max_size=4)
TOKENS = st.lists(st.integers(1, len(PIECES) - 1), max_size=10)


@settings(deadline=None)
@given(TERMS.filter(bool))
def test_a_term_earns_the_same_however_it_is_divided_into_pieces(terms: list[str]) -> None:
    tree = TokenTree(PIECES, terms, earnings=(2.0,))
    text = "▁" + terms[0].replace(" ", "▁")
    every = list(divisions(text))
    assert every
    for tokens in every:
        node, earned = walk(tree, tokens)
        letters = sum(one != "▁" for one in text)
        assert earned == pytest.approx(2.0 * letters)
        assert tree.finished(node) == pytest.approx(2.0 * letters)


@settings(deadline=None)
@given(TERMS, TOKENS)
def test_only_terms_that_are_whole_words_earn_anything(terms: list[str], tokens: list[int]) -> None:
    tree = TokenTree(PIECES, terms, earnings=(1.0,))
    node, earned = walk(tree, tokens)
    total = earned + tree.leaving(node)[0]
    text = "".join(PIECES[token] for token in tokens).replace("▁", " ")
    text = re.sub(r"[.-]", " . ", text)
    found = [term for term in terms if re.search(rf"(?<!\S){re.escape(term)}(?!\S)", f" {text} ")]
    if not found:
        assert total == pytest.approx(0.0)
    else:
        assert -1e-3 <= total <= sum(one.isalnum() for one in text) + 1e-3


@settings(deadline=None)
@given(TERMS, TOKENS)
def test_a_table_of_weights_has_what_the_arcs_have(terms: list[str], tokens: list[int]) -> None:
    tree = TokenTree(PIECES, terms)
    node, _ = walk(tree, tokens)
    weights = tree.weights(node)
    assert len(weights) == len(PIECES)
    for token in range(len(PIECES)):
        arcs = tree.arcs(node)
        at = arcs.find(token)
        if at is not None:
            assert weights[token] == arcs.weights[at]
            assert 0 < tree.after(node, token) < len(tree)
        elif tree.arcs(ROOT).find(token) is None:
            assert tree.after(node, token) == ROOT
            assert weights[token] <= 0


def test_a_term_is_found_behind_the_beginning_of_another() -> None:
    tree = TokenTree(["", "▁a", "▁b", "▁c", "▁d"], ["a b c", "b d", "b"], earnings=(1.0,))
    assert walk(tree, [1, 2, 4])[1] == pytest.approx(2.0)  # b d
    assert walk(tree, [1, 2, 1])[1] == pytest.approx(2.0)  # b, and a beginning
    assert walk(tree, [1, 2, 3, 4])[1] == pytest.approx(3.0)


def test_the_rest_of_a_longer_word_takes_back_what_a_term_has_earned() -> None:
    tree = TokenTree(["", "▁cat", "alog", "s", "▁"], ["cat"], earnings=(1.0,))
    assert walk(tree, [1])[1] == 3.0
    assert walk(tree, [1, 2])[1] == 0.0
    assert walk(tree, [1, 4])[1] == 3.0


def test_the_first_letters_of_a_term_earn_nothing() -> None:
    tree = TokenTree(["", "▁cat", "alog", "s", "▁"], ["catalogs"], earnings=(0.0, 0.0, 0.0, 1.0))
    assert [walk(tree, tokens)[1] for tokens in ([1], [1, 2], [1, 2, 3])] == [0.0, 4.0, 5.0]


def test_a_term_is_expected_in_any_case_and_without_its_hyphens() -> None:
    assert set(spellings("New-Yorker", set("NEWYORKnewyork-"))) >= {
        "New-Yorker", "new-yorker", "New Yorker", "newyorker", "Newyorker", "NEW YORKER",
    }  # fmt: skip
    assert spellings("Zoë", set("zoe")) == ["zoe"]
    assert spellings("Łódź", set("abc")) == []


@settings(deadline=None)
@given(st.text(max_size=20))
def test_spellings_have_only_letters_that_the_model_knows(term: str) -> None:
    known = set("abcdefgABC'ß")
    for spelling in spellings(term, known):
        assert spelling.strip() == spelling != ""
        assert set(spelling) <= known | {" "}


def test_5000_terms_are_made_into_a_tree_of_their_letters() -> None:
    terms = [f"{first}{second}{third}a" for first in "abc" for second in "abc" for third in "abc"]
    tree = TokenTree(PIECES, terms * 200)
    assert len(tree) == 1 + 1 + 3 + 9 + 27 + 27
