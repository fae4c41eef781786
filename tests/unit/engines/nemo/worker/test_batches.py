from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.engines.nemo.worker.batches import next_batch


@dataclass(frozen=True)
class Chunk:
    seconds: float
    alone: bool = False
    number: int = 0


_WAITING = st.lists(st.tuples(st.floats(0.01, 300), st.booleans()), min_size=1, max_size=30).map(
    lambda given: [Chunk(seconds, alone, at) for at, (seconds, alone) in enumerate(given)]
)


@given(_WAITING, st.floats(0.01, 1000), st.integers(1, 16))
def test_every_batch_has_the_oldest_chunk_and_fits(
    waiting: list[Chunk], budget: float, most: int
) -> None:
    batch = next_batch(waiting, budget, most)
    assert waiting[0] in batch
    assert 1 <= len(batch) <= most
    assert len(set(batch)) == len(batch)
    lengths = [one.seconds for one in batch]
    assert lengths == sorted(lengths, reverse=True)
    if len(batch) > 1:
        assert max(lengths) * len(batch) <= budget
        assert sum(lengths) >= 0.75 * max(lengths) * len(batch) - 1e-6
        assert not any(one.alone for one in batch)


@given(_WAITING, st.floats(0.01, 1000))
def test_every_queued_chunk_gets_into_a_batch(waiting: list[Chunk], budget: float) -> None:
    left = list(waiting)
    batched: list[Chunk] = []
    while left:
        batch = next_batch(left, budget, 8)
        batched += batch
        left = [one for one in left if one not in batch]
    assert sorted(batched, key=lambda one: one.number) == waiting


def test_clips_of_a_length_go_together_and_long_ones_do_not_wait_for_them() -> None:
    waiting = [Chunk(2.0), Chunk(60.0, number=1), Chunk(2.1, number=2), Chunk(1.9, number=3)]
    assert {one.number for one in next_batch(waiting, 600, 8)} == {0, 2, 3}


def test_an_empty_queue_gives_an_empty_batch() -> None:
    assert next_batch([], 100, 8) == []


def test_a_chunk_that_a_worker_died_over_has_its_own_batch() -> None:
    suspect, other = Chunk(2.0, alone=True), Chunk(2.0, number=1)
    assert next_batch([suspect, other], 100, 8) == [suspect]
    assert next_batch([other, suspect], 100, 8) == [other]
