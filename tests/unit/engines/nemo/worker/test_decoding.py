from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.decoding import join_pieces, runs, spans


def test_a_token_lasts_until_the_next_frame_that_the_decoder_visits() -> None:
    # Frame 0: blank, on to 2; 2: a token that takes three frames; 5: blank.
    assert spans(at=[2], visited=[0, 2, 5]) == [(2, 5, 1)]


def test_tokens_of_one_frame_take_its_visits_in_order() -> None:
    # Frame 3 gives two tokens and then a blank; frame 4 one more.
    assert spans(at=[3, 3, 4], visited=[0, 3, 3, 3, 4, 5]) == [(3, 4, 1), (3, 4, 2), (4, 5, 4)]


def test_a_token_in_the_last_frame_lasts_that_frame() -> None:
    assert spans(at=[7], visited=[6, 7]) == [(7, 8, 1)]


def test_a_token_without_a_visit_has_a_time_and_no_probability() -> None:
    assert spans(at=[2, 4], visited=[0, 2]) == [(2, 3, 1), (4, 5, None)]
    assert spans(at=[1], visited=[]) == [(1, 2, None)]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_every_token_finds_its_own_visit(frames: list[tuple[int, bool]]) -> None:
    """Each frame emits some tokens and perhaps a blank, in that order."""
    visited: list[int] = []
    at: list[int] = []
    emitted_by: list[int] = []
    for frame, (count, blank) in enumerate(frames):
        for _ in range(count):
            at.append(frame)
            emitted_by.append(len(visited))
            visited.append(frame)
        if blank or not count:
            visited.append(frame)
    found = spans(at, visited)
    assert [visit for _, _, visit in found] == emitted_by
    assert all(start < end for start, end, _ in found)
    assert [start for start, _, _ in found] == at


def test_runs_leave_out_blanks() -> None:
    assert runs([9, 1, 1, 9, 1, 2, 2, 9], blank=9) == [(1, 3), (4, 5), (5, 7)]
    assert runs([], blank=9) == []
    assert runs([9, 9], blank=9) == []
    assert runs([3], blank=9) == [(0, 1)]


def test_pieces_are_joined_to_text() -> None:
    assert join_pieces(["▁th", "ree", "▁", "one", "."]) == "three one."
