from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.transcribe.align.match import Match, likeness, match_words


def pairs(first: str, second: str) -> list[tuple[str, str]]:
    """What matches what, in words."""
    one, other = first.split(), second.split()
    return [
        (" ".join(one[slice(*match.first)]), " ".join(other[slice(*match.second)]))
        for match in match_words(one, other)
    ]


def test_equal_words_match_one_to_one() -> None:
    assert pairs("a b c", "a b c") == [("a", "a"), ("b", "b"), ("c", "c")]


def test_a_word_that_one_side_lacks_matches_nothing() -> None:
    assert pairs("the young old man", "the young man") == [
        ("the", "the"),
        ("young", "young"),
        ("old", ""),
        ("man", "man"),
    ]
    assert pairs("the man", "the young man")[1] == ("", "young")


def test_a_misheard_word_matches_the_one_in_its_place() -> None:
    assert ("dashwood", "dashwoode") in pairs("mister dashwood said", "mister dashwoode said")
    assert ("twenty", "20") in pairs("on twenty may", "on 20 may")


def test_a_word_may_be_two_or_three_on_the_other_side() -> None:
    assert ("e mail", "email") in pairs("send an e mail now", "send an email now")
    assert ("illdisposed", "ill disposed") in pairs("an illdisposed man", "an ill disposed man")


def test_likeness_is_the_share_of_letters_in_order() -> None:
    assert likeness("same", "same") == 1.0
    assert likeness("dashwood", "dashwoode") > 0.9
    assert likeness("young", "act") == 0.0


WORDS = st.lists(
    st.sampled_from(["a", "b", "c", "dd", "ee", "fff", "the", "of", "1", "20"]), max_size=30
)


@given(WORDS, WORDS)
@settings(deadline=None, max_examples=100)
def test_every_word_of_both_is_in_one_match_in_order(first: list[str], second: list[str]) -> None:
    matches = match_words(first, second)
    assert [at for match in matches for at in range(*match.first)] == list(range(len(first)))
    assert [at for match in matches for at in range(*match.second)] == list(range(len(second)))


def test_a_long_text_with_changes_anywhere_matches_as_it_was_changed() -> None:
    rolls = random.Random(3)
    vocabulary = [f"{chr(97 + number % 26)}{number}x" for number in range(3000)] + ["the"] * 300
    said = [rolls.choice(vocabulary) for _ in range(40_000)]
    text, changed = [], 0
    for word in said:
        roll = rolls.random()
        changed += roll < 0.06
        if roll < 0.02:
            continue
        text.append("quite-another" if roll < 0.04 else word)
        if 0.04 <= roll < 0.06:
            text.append("inserted-word")
    equal = sum(
        text[match.first[0]] == said[match.second[0]]
        for match in match_words(text, said)
        if match.first[0] < match.first[1] and match.second[0] < match.second[1]
    )
    assert equal >= len(said) - changed - 100


def test_a_long_text_of_one_word_again_and_again_ends() -> None:
    matches = match_words(["ha"] * 3000, ["ha"] * 2500)
    assert sum(match.first != (match.first[0],) * 2 for match in matches) >= 1
    assert matches[-1].second[1] == 2500
    assert match_words([], []) == []
    assert match_words(["a"], []) == [Match((0, 1), (0, 0))]


def test_a_word_of_a_million_letters_is_like_no_other() -> None:
    assert likeness("x" * 1_000_000, "xylophone" * 100_000) == 0.0
    assert likeness("x" * 1_000_000, "x" * 1_000_000) == 1.0
