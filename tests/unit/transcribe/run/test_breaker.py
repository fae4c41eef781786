from __future__ import annotations

from collections.abc import Callable

import pytest

from parakeet_cli.errors import EngineUnavailable, ExitCode, Obstacle, ParakeetError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.run import breaker as module
from parakeet_cli.transcribe.run.breaker import (
    Breaker,
    HoldingView,
    blaming_the_surroundings,
    stopped_in_words,
    try_twice,
)
from parakeet_cli.transcript import FileResult, Status

FULL = Obstacle("the disk is full")
REFUSED = Obstacle("the storage refuses", passes=False)
PERHAPS = Obstacle("it is too large", certain=False)
Outcome = Callable[[int, int], Obstacle | None]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NAP", 0.0)


def run(outcome: Outcome, *, count: int = 10, wait: float = 0.01) -> tuple[Breaker, list[int]]:
    """Run items one after another; `outcome` gets the item and how often it was tried."""
    todo = [PlannedFile(Job(f"{n}.wav", f"{n}.wav"), (), n) for n in range(count)]
    breaker = Breaker(todo, wait)
    tried: dict[int, int] = {}
    done = []
    for item in breaker.items():
        if item is None:
            continue
        tried[item.number] = tried.get(item.number, 0) + 1
        obstacle = outcome(item.number, tried[item.number])
        status = Status.OK if obstacle is None else Status.FAILED
        result = FileResult(item.job.name, status, reason="A reason.", obstacle=obstacle)
        if breaker.take(item, result) is not None:
            done.append(item.number)
    assert all(count <= 2 for count in tried.values())
    return breaker, done


def test_without_an_obstacle_every_item_is_done_once() -> None:
    breaker, done = run(lambda number, times: None)
    assert (done, breaker.held, breaker.obstacle) == (list(range(10)), [], None)


def test_a_few_of_one_cause_stop_it_and_nothing_counts() -> None:
    breaker, done = run(lambda number, times: FULL if number >= 4 else None)
    assert done == [0, 1, 2, 3]
    assert breaker.obstacle == FULL
    assert [item.number for item, _ in breaker.held] == [4, 5, 6]
    said = stopped_in_words(breaker.held, FULL)
    assert said == "Stopped: the disk is full, for 3 files: A reason."


def test_an_obstacle_that_passes_costs_only_time() -> None:
    breaker, done = run(lambda number, times: FULL if 4 <= number < 8 and times == 1 else None)
    assert sorted(done) == list(range(10))
    assert (breaker.obstacle, breaker.held) == (None, [])


@pytest.mark.parametrize("wait", [0.0, 1000.0])
def test_an_obstacle_that_no_waiting_ends_is_not_waited_for(wait: float) -> None:
    obstacle = REFUSED if wait else FULL
    breaker, done = run(lambda number, times: obstacle, wait=wait)
    assert (done, len(breaker.held), breaker.obstacle) == ([], 3, obstacle)


def test_single_files_fail_by_their_own_fault_if_it_may_be() -> None:
    breaker, done = run(lambda number, times: PERHAPS if number in (2, 5, 9) else None)
    assert (len(done), breaker.obstacle) == (7, None)
    settled = breaker.settle()
    assert [(item.number, result.obstacle) for item, result in settled] == [
        (2, None), (5, None), (9, None),
    ]  # fmt: skip
    assert breaker.held == []


@pytest.mark.parametrize("passes", [True, False])
def test_the_last_file_is_not_blamed_for_a_certain_obstacle(passes: bool) -> None:
    breaker, done = run(
        lambda number, times: FULL if number == 9 and (times == 1 or not passes) else None
    )
    assert (len(done), breaker.obstacle) == ((10, None) if passes else (9, FULL))


def test_the_view_is_shown_no_end_of_what_is_held_back() -> None:
    ended = []

    class View(SilentView):
        def ended(self, job: Job, result: FileResult) -> None:
            ended.append(job.name)

    view = HoldingView(View())
    view.ended(Job("a", "a"), FileResult("a", Status.FAILED, obstacle=FULL))
    view.ended(Job("b", "b"), FileResult("b", Status.OK))
    assert ended == ["b"]


def unreachable(*, passes: bool = True) -> EngineUnavailable:
    cause = Obstacle("the model hub can't be reached", passes=passes)
    return EngineUnavailable("No model.", hint="Check the network.", obstacle=cause)


def failing_first(error: EngineUnavailable) -> Callable[[], str]:
    errors = [error]

    def work() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return work


def test_a_model_that_the_surroundings_keep_away_is_asked_for_once_more() -> None:
    assert try_twice(failing_first(unreachable()), 0.01) == "done"
    for error, wait in (
        (unreachable(), 0.0),
        (unreachable(passes=False), 0.01),
        (EngineUnavailable("No such model."), 0.01),
    ):
        with pytest.raises(EngineUnavailable):
            try_twice(failing_first(error), wait)


def test_a_batch_without_its_model_ends_with_the_code_of_the_surroundings() -> None:
    with pytest.raises(ParakeetError) as stopped, blaming_the_surroundings():
        raise unreachable()
    assert stopped.value.exit_code is ExitCode.SURROUNDINGS
    assert "The same command goes on" in (stopped.value.hint or "")
    with pytest.raises(EngineUnavailable), blaming_the_surroundings():
        raise EngineUnavailable("No such model.")


def test_what_files_left_in_place_is_named_whichever_try_wrote_it() -> None:
    tries: dict[int, int] = {}
    todo = [PlannedFile(Job(f"{n}.wav", f"{n}.wav"), (), n) for n in range(2)]
    breaker = Breaker(todo, 0.01)
    for item in breaker.items():
        if item is None:
            continue
        tries[item.number] = tries.get(item.number, 0) + 1
        written = (f"{item.number}.txt",) if tries[item.number] == 1 else ()
        reason = f"{item.number}.srt can't be written."
        breaker.take(
            item,
            FileResult(
                item.job.name,
                Status.FAILED,
                reason=reason,
                outputs=written,
                sums=written,
                obstacle=FULL,
            ),
        )
    assert tries == {0: 2, 1: 1}
    assert [result.outputs for _, result in breaker.held] == [("0.txt",), ("1.txt",)]
    said = stopped_in_words(breaker.held, FULL)
    assert said.endswith("0.srt can't be written. Written of the others, and left: 1.txt.")
