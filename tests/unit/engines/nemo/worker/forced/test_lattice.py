from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.forced.lattice import (
    CTC_EARNED,
    CtcAligner,
    Form,
    StepScores,
    TransducerAligner,
    place_words,
)
from parakeet_cli.engines.nemo.worker.terms.tree import Floats

A, B, C, BLANK = range(4)


def frames(*best: int, other: float = -20.0) -> Floats:
    """A row for each frame, with its best label; the others are improbable."""
    table = np.full((len(best), BLANK + 1), other, np.float32)
    table[range(len(best)), best] = 0.0
    return table


class Steps:
    """A transducer that finds the same in each frame, whatever the tokens before are."""

    def __init__(self, logits: Floats, durations: Floats | None) -> None:
        self._scores = StepScores(logits, durations)
        self.frames = len(logits)

    def scores(self, place: tuple[int, ...]) -> tuple[StepScores, Any]:
        return self._scores, place

    def after(self, state: tuple[int, ...], token: int) -> tuple[int, ...]:
        return (*state, token)


def test_a_word_is_placed_where_its_tokens_are_and_they_may_last() -> None:
    (placed,) = place_words(CtcAligner(frames(BLANK, A, A, BLANK, B, BLANK), BLANK), [[(A, B)]])
    assert (placed.word, placed.runs) == (0, [(A, 1, 3), (B, 4, 5)])


def test_the_same_token_twice_needs_a_blank_between() -> None:
    assert place_words(CtcAligner(frames(A, A, A), BLANK), [[(A, A)]]) == []
    (placed,) = place_words(CtcAligner(frames(A, BLANK, A), BLANK), [[(A, A)]])
    assert placed.runs == [(A, 0, 1), (A, 2, 3)]


def test_a_word_that_isn_t_there_is_left_out_and_the_others_are_placed() -> None:
    words: list[list[Form]] = [[(A,)], [(C, B, C)], [(B,)], []]
    placed = place_words(CtcAligner(frames(A, BLANK, B), BLANK), words)
    assert [(one.word, one.runs) for one in placed] == [(0, [(A, 0, 1)]), (2, [(B, 2, 3)])]


@pytest.mark.parametrize(("cost", "found"), [(CTC_EARNED - 0.1, True), (CTC_EARNED + 0.1, False)])
def test_it_depends_on_the_cost_of_a_token_whether_a_word_is_there(
    cost: float, found: bool
) -> None:
    logprobs = frames(BLANK, B, BLANK)
    logprobs[1, A] = -cost
    assert bool(place_words(CtcAligner(logprobs, BLANK), [[(A,)]])) == found


def test_the_more_probable_way_to_write_a_word_is_taken() -> None:
    logprobs = frames(A, B, BLANK)
    (placed,) = place_words(CtcAligner(logprobs, BLANK), [[(C,), (A, B)]])
    assert [run[0] for run in placed.runs] == [A, B]


def test_a_transducer_s_tokens_may_share_a_frame() -> None:
    logits = frames(BLANK, A, BLANK)
    logits[1, B] = -0.5
    aligner = TransducerAligner(Steps(logits, None), (), BLANK)
    (placed,) = place_words(aligner, [[(A, B)]])
    assert [run[:3] for run in placed.runs] == [(A, 1, 2), (B, 1, 2)]
    assert placed.runs[0][3] > placed.runs[1][3] > 0.3


def test_a_step_of_tdt_takes_the_frames_of_its_duration() -> None:
    durations = np.full((5, 3), -9.0, np.float32)
    durations[:, 2] = 0.0
    aligner = TransducerAligner(Steps(frames(A, C, B, C, C), durations), (), BLANK, (0, 1, 2))
    (placed,) = place_words(aligner, [[(A, B)]])
    assert [run[:3] for run in placed.runs] == [(A, 0, 2), (B, 2, 4)]


def test_a_transducer_leaves_out_a_word_whose_beginning_is_improbable() -> None:
    """Behind its beginning, it is sure of the rest whatever is said."""
    words: list[list[Form]] = [[(C, A, B)], [(A, B)]]
    durations = np.array([[-9.0, 0.0]] * 2, np.float32)
    placed = place_words(TransducerAligner(Steps(frames(A, B), durations), (), BLANK), words)
    assert [one.word for one in placed] == [1]


def test_a_transducer_begins_a_word_where_it_first_finds_its_sound() -> None:
    """A later beginning costs less, but leaves sounds that are none of a word's."""
    durations = np.array([[-9.0, 0.0]] * 4, np.float32)
    logits = frames(A, C, A, B)
    logits[1, B] = -2.0
    logits[2:, BLANK] = -0.2
    (placed,) = place_words(TransducerAligner(Steps(logits, durations), (), BLANK), [[(A, B)]])
    assert [run[:3] for run in placed.runs] == [(A, 0, 1), (B, 1, 2)]


WORDS = st.lists(
    st.lists(st.lists(st.integers(A, C), min_size=1, max_size=3).map(tuple), max_size=2), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), WORDS, st.booleans())
def test_words_are_in_order_within_the_frames_and_do_not_overlap(
    seed: int, count: int, words: list[list[tuple[int, ...]]], ctc: bool
) -> None:
    scores = np.random.default_rng(seed).normal(0, 4, (count, BLANK + 1)).astype(np.float32)
    aligner = (
        CtcAligner(scores, BLANK) if ctc else TransducerAligner(Steps(scores, None), (), BLANK)
    )
    placed = place_words(aligner, words)
    assert [one.word for one in placed] == sorted({one.word for one in placed})
    for one in placed:
        assert tuple(run[0] for run in one.runs) in words[one.word]
    runs = [run for one in placed for run in one.runs]
    assert all(0 <= run[1] < run[2] <= count for run in runs)
    apart = 2 if ctc else 1  # a transducer's tokens may share a frame
    assert all(one[apart] <= other[1] for one, other in pairwise(runs))
