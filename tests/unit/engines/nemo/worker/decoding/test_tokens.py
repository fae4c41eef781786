from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.cuda import NoCuda
from parakeet_cli.engines.nemo.worker.decoding.tokens import (
    PaddedRows,
    PendingTokens,
    Tokens,
    TokenTable,
    join_pieces,
    tokens_and_visits,
    tokens_of_frames,
    tokens_of_steps,
)

Span = tuple[int, int, int | None]  # first frame, frame after the last, the visit
LONG_AGO = 777  # what lies behind the last value of a padded row


def padded(rows: Sequence[Sequence[Any]], kind: type = int) -> tuple[Any, Any]:
    """Rows of different lengths as NeMo returns them, and the lengths."""
    lengths = np.array([len(row) for row in rows], np.int32)
    table = np.full((len(rows), max(lengths, default=0) + 3), LONG_AGO, kind)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table, lengths


def spans_by_hand(at: Sequence[int], visited: Sequence[int]) -> list[Span]:
    """The same for one item, token by token."""
    found: list[Span] = []
    visit = 0
    for frame in at:
        while visit < len(visited) and visited[visit] < frame:
            visit += 1
        if visit == len(visited) or visited[visit] != frame:
            found.append((frame, frame + 1, None))
            continue
        after = visited[visit + 1] if visit + 1 < len(visited) else frame + 1
        found.append((frame, max(after, frame + 1), visit))
        visit += 1
    return found


def spans_of_batch(items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[Span]]:
    """Each item's spans from (frames of tokens, frames of visits)."""
    at, counts = padded([tokens for tokens, _ in items])
    visited, lengths = padded([visits for _, visits in items])
    # Each visit's logarithm is minus its number, so that the token's shows which it took.
    numbers = np.broadcast_to(-np.arange(visited.shape[1], dtype=float), visited.shape)
    table = tokens_and_visits((at + 1, at, counts), (visited, numbers, lengths))
    assert table.counts.tolist() == counts.tolist()
    assert (table.ids == table.starts + 1).all()
    rows = [
        (int(start), int(end), None if np.isnan(number) else int(-number))
        for start, end, number in zip(table.starts, table.ends, table.logarithms, strict=True)
    ]
    ends = np.cumsum(table.counts)
    return [rows[end - count : end] for end, count in zip(ends, table.counts, strict=True)]


def spans(at: Sequence[int], visited: Sequence[int]) -> list[Span]:
    (found,) = spans_of_batch([(at, visited)])
    return found


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


FRAMES = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 3)), max_size=25)


def decoded(frames: list[tuple[int, bool, int]]) -> list[tuple[int, bool]]:
    """A decoder's steps, each with its frame and whether it emits a token.

    Each visited frame emits some tokens and perhaps a blank, in that order, and then the
    decoder goes on by some frames.
    """
    steps, frame = [], 0
    for count, blank, jump in frames:
        steps += [(frame, True)] * count
        if blank or not count:
            steps.append((frame, False))
        frame += jump
    return steps


@given(st.lists(FRAMES, min_size=1, max_size=6))
def test_every_token_of_a_batch_finds_its_own_visit(batch: list[Any]) -> None:
    items = []
    emitted_by = []
    for frames in batch:
        steps = decoded(frames)
        items.append(([at for at, token in steps if token], [at for at, _ in steps]))
        emitted_by.append([number for number, (_, token) in enumerate(steps) if token])
    found = spans_of_batch(items)
    assert [[visit for _, _, visit in item] for item in found] == emitted_by
    assert found == [spans_by_hand(at, visited) for at, visited in items]


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 9), max_size=9).map(sorted),
            st.lists(st.integers(0, 9), max_size=9).map(sorted),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_tokens_and_visits_that_do_not_agree_are_matched_as_one_by_one(items: list[Any]) -> None:
    assert spans_of_batch(items) == [spans_by_hand(at, visited) for at, visited in items]


@given(st.lists(FRAMES, min_size=1, max_size=6))
def test_steps_with_blanks_give_the_same_tokens_as_visits_apart(batch: list[Any]) -> None:
    blank = 1024
    steps = [decoded(frames) for frames in batch]
    frames, lengths = padded([[at for at, _ in item] for item in steps])
    labels, _ = padded(
        [[number if t else blank for number, (_, t) in enumerate(item)] for item in steps]
    )
    table = tokens_of_steps(labels, frames, -labels.astype(float), lengths, blank)
    expected = [
        span
        for item in steps
        for span in spans_by_hand([at for at, token in item if token], [at for at, _ in item])
    ]
    assert table.counts.tolist() == [sum(token for _, token in item) for item in steps]
    found = zip(table.starts.tolist(), table.ends.tolist(), table.ids.tolist(), strict=True)
    assert list(found) == expected
    assert (table.logarithms == -table.ids).all()


def runs(best: Sequence[int], blank: int) -> list[tuple[int, int]]:
    table, lengths = padded([best])
    tokens = tokens_of_frames(table, np.zeros(table.shape), lengths, blank)
    return list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))


def test_runs_leave_out_blanks() -> None:
    assert runs([9, 1, 1, 9, 1, 2, 2, 9], blank=9) == [(1, 3), (4, 5), (5, 7)]
    assert runs([], blank=9) == []
    assert runs([9, 9], blank=9) == []
    assert runs([3], blank=9) == [(0, 1)]


def test_a_run_ends_with_its_item_and_has_its_greatest_probability() -> None:
    best, lengths = padded([[9, 5, 5], [], [5, 9, 5]])
    logarithms, _ = padded([[-1, -3, -2], [], [-4, -5, -6]], float)
    tokens = tokens_of_frames(best, logarithms, lengths, blank=9)
    assert tokens.counts.tolist() == [1, 0, 2]
    assert tokens.logarithms.tolist() == [-2, -4, -6]
    assert tokens.starts.tolist() == [1, 0, 2]


def test_a_table_is_split_into_the_items_of_the_batch() -> None:
    table = TokenTable(
        np.array([2, 0, 1]), np.array([1, 0, 1]), np.array([0, 3, 7]), np.array([2, 4, 9]),
        np.log(np.array([0.5, np.nan, 1.0], np.float32)) + np.float32(1e-7),
    )  # fmt: skip
    assert table.split(["a", "b"]) == [
        Tokens(["b", "a"], [(0, 2), (3, 4)], [0.5, None]),
        Tokens([], [], []),
        Tokens(["b"], [(7, 9)], [1.0]),
    ]


def test_a_probability_leaves_the_worker_with_five_digits() -> None:
    logarithms = np.array([-0.00390625, -1.0, -12.5], np.float32)  # the first: 255/256 in bfloat16
    three = np.arange(3)
    table = TokenTable(np.array([3]), three, three, three + 1, logarithms)
    assert table.split("abc")[0].probabilities == [0.9961, 0.36788, 0.0]


def opcodes(function: Callable[[], Any]) -> int:
    """How many instructions of Python it takes."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def by_every_head(frames: int) -> None:
    """Five tokens in a batch of two of that many frames, to the worker's lists."""
    at = np.arange(0, 50, 10)
    frame = np.arange(frames)
    blank = 3
    labels = np.where(np.isin(frame, at), 1, blank)
    both = np.array([labels, np.full(frames, blank)])
    visits = np.array([frame, frame])
    sizes, logarithms = np.array([frames, frames]), -0.5 * np.ones((2, frames))
    tokens = (np.ones((2, 5), int), np.array([at, at]), np.array([5, 0]))
    tables = (
        tokens_of_steps(both, visits, logarithms, sizes, blank),
        tokens_and_visits(tokens, (visits, logarithms, sizes)),
        tokens_of_frames(both, logarithms, sizes, blank),
    )
    for table in tables:
        assert [len(one.pieces) for one in table.split("abcd")] == [5, 0]


def test_python_does_nothing_for_each_frame() -> None:
    by_every_head(60)  # what NumPy imports at the first call
    short = opcodes(lambda: by_every_head(60))
    assert short > 100
    assert opcodes(lambda: by_every_head(6000)) == pytest.approx(short, rel=0.01)


class Tensor(np.ndarray[Any, Any]):
    """An array with those methods of a tensor that are used of one."""

    def is_floating_point(self) -> bool:
        return bool(self.dtype.kind == "f")

    def int(self) -> Any:
        return self.astype(np.int32)

    def float(self) -> Any:
        return self.astype(np.float32)

    def numpy(self) -> Any:
        return self


class CountingCopies(NoCuda):
    def __init__(self) -> None:
        self.values: list[int] = []

    def to_host(self, tensors: Sequence[Any]) -> Any:
        self.values.append(sum(tensor.size for tensor in tensors))
        return super().to_host([tensor.copy() for tensor in tensors])


@pytest.mark.parametrize(("width", "copies"), [(6, 1), (4, 1), (3, 2), (0, 2)])
def test_no_more_than_the_longest_row_leaves_the_device_unless_it_is_longer_than_likely(
    width: int, copies: int
) -> None:
    wide, lengths = padded([[1, 2, 3, 4], [5]])
    rows = PaddedRows(lengths.view(Tensor), (np.pad(wide, ((0, 0), (0, 900))).view(Tensor),))
    cuda = CountingCopies()
    found: list[Any] = []

    def finish(tables: list[list[Any]]) -> list[Tokens]:
        found.append(tables)
        return []

    pending = PendingTokens(cuda, [rows], width, finish)
    assert cuda.values == [2 + 2 * width]
    assert pending.result() == []
    assert len(cuda.values) == copies
    assert max(cuda.values) <= 2 + 2 * max(width, 4)
    (((columns, counts),),) = found
    assert counts.tolist() == [4, 1]
    assert columns.shape == (2, 4)
    assert [columns[0].tolist(), columns[1, 0]] == [[1, 2, 3, 4], 5]


def test_pieces_are_joined_to_text() -> None:
    assert join_pieces(["▁th", "ree", "▁", "one", "."]) == "three one."
