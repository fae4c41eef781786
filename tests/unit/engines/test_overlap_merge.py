"""Tests that merging overlapping chunks doubles, drops and reorders no word."""

from __future__ import annotations

import random

import pytest

from parakeet_cli.engines.overlap_merge import merge_overlap
from parakeet_cli.transcript import Segment, Word

_TEXT = (
    "and mister john dashwood had then leisure to consider how much there might be prudently "
    "in his power to do for them he was not an ill disposed young man"
)
SENTENCE = _TEXT.split()


def spoken(words: list[str], start: float = 0.0, pace: float = 0.4) -> list[Word]:
    return [Word(start + n * pace, start + n * pace + pace * 0.9, w) for n, w in enumerate(words)]


def segment(words: list[Word]) -> Segment:
    return Segment(words[0].start, words[-1].end, " ".join(w.text for w in words), tuple(words))


def texts(*sides: list[Segment]) -> list[str]:
    return [word.text for side in sides for segment in side for word in segment.words]


@pytest.mark.parametrize("cut", [3.0 + 0.08 * step for step in range(75)])
def test_no_word_is_lost_or_doubled_wherever_the_cut_is(cut: float) -> None:
    words = spoken(SENTENCE)
    low, high = cut - 1.5, cut + 1.5
    # Each side has its whole words only, without the one that its edge cuts.
    left = [word for word in words if word.end <= high]
    right = [word for word in words if word.start >= low]
    before, after = merge_overlap([segment(left)], [segment(right)], low, high)
    assert texts(before, after) == SENTENCE


@pytest.mark.parametrize("seed", range(30))
def test_inexact_times_and_broken_edge_words_do_no_harm(seed: int) -> None:
    shake = random.Random(seed)
    words = spoken(SENTENCE)
    cut = shake.uniform(3, 9)
    low, high = cut - 1.5, cut + 1.5

    def shaken(chosen: list[Word]) -> list[Word]:
        return [Word(w.start + (d := shake.uniform(-0.2, 0.2)), w.end + d, w.text) for w in chosen]

    left = shaken([w for w in words if w.start < high])
    right = shaken([w for w in words if w.end > low])
    if left[-1].end > high:
        left[-1] = Word(left[-1].start, high, left[-1].text[:2])
    if right[0].start < low:
        right[0] = Word(low, right[0].end, right[0].text[-2:])
    before, after = merge_overlap([segment(left)], [segment(right)], low, high)
    assert texts(before, after) == SENTENCE


def test_case_and_punctuation_do_not_make_two_words_of_one() -> None:
    left = spoken(["to", "do", "for", "them."])
    right = spoken(["For", "them", "he", "was"], start=0.8)
    before, after = merge_overlap([segment(left)], [segment(right)], 0.8, 1.6)
    assert [word.lower().strip(".") for word in texts(before, after)] == (
        ["to", "do", "for", "them", "he", "was"]
    )


def test_without_a_common_word_the_sides_meet_in_the_middle() -> None:
    left = spoken(["alpha", "beta", "gamma", "delta"])
    right = spoken(["one", "two", "three", "four"], start=0.8)
    before, after = merge_overlap([segment(left)], [segment(right)], 0.8, 1.6)
    assert texts(before, after) == ["alpha", "beta", "gamma", "two", "three", "four"]


def test_text_is_cut_and_not_joined_with_spaces() -> None:
    words = [Word(0.0, 0.4, "你好"), Word(0.4, 0.8, "世界"), Word(0.8, 1.2, "再见")]
    left = Segment(0.0, 1.2, "你好世界再见", tuple(words))
    right = Segment(0.4, 1.2, "世界再见", tuple(words[1:]))
    before, after = merge_overlap([left], [right], 0.4, 1.2)
    assert "".join(part.text for part in [*before, *after]) == "你好世界再见"


def test_a_side_without_words_leaves_the_other_unchanged() -> None:
    words = segment(spoken(["to", "do"]))
    assert merge_overlap([words], [], 0.0, 0.3)[1] == []
    assert merge_overlap([], [words], 0.0, 0.1) == ([], [words])
