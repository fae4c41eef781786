"""Tests the order in which clients of one engine are served."""

from __future__ import annotations

from parakeet_cli.engines.shared.fair_queue import FairQueue, Priority


def test_clients_take_turns_however_much_one_of_them_asks() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(3):
        queue.put(f"a{number}", "a", Priority.BATCH)
    queue.put("b0", "b", Priority.BATCH)
    queue.put("c0", "c", Priority.BATCH)
    assert [queue.pop() for _ in range(6)] == ["a0", "b0", "c0", "a1", "a2", None]


def test_someone_who_waits_comes_before_a_batch() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("batch", "a", Priority.BATCH)
    queue.put("spoken", "b", Priority.INTERACTIVE)
    assert queue.peek() == "spoken"
    assert (queue.pop(), queue.pop()) == ("spoken", "batch")


def test_a_client_that_is_passed_over_keeps_its_place() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a0", "a", Priority.BATCH)
    queue.put("b0", "b", Priority.BATCH)
    assert queue.pop(passing=frozenset({"a"})) == "b0"
    assert queue.pop(passing=frozenset({"a"})) is None
    assert queue.pop() == "a0"


def test_what_a_client_has_waiting_is_dropped_with_it() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a0", "a", Priority.BATCH)
    queue.put("a1", "a", Priority.INTERACTIVE)
    queue.put("b0", "b", Priority.BATCH)
    assert sorted(queue.drop(lambda item: item.startswith("a"))) == ["a0", "a1"]
    assert queue.drop(lambda item: item.startswith("a")) == []
    assert len(queue) == 1
    assert queue.drop() == ["b0"]
    assert queue.pop() is None
