"""What the dispatcher makes of workers that are slow, die, or can't be used."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from parakeet_cli.engines.silence import FLOOR_SECONDS
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.formats import expand_formats
from parakeet_cli.system.processes import (
    TERMINATIONS,
    Terminated,
    handle_signals,
    raise_terminated,
)
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.workers import hangs
from parakeet_cli.transcribe.workers.dispatcher import WorkerDied, WorkerHandle, dispatch
from parakeet_cli.transcribe.workers.worker import (
    Dropped,
    Finished,
    Loaded,
    Progressed,
    Unusable,
    WorkerEvent,
    WorkerReady,
)
from parakeet_cli.transcript import EngineInfo, FileResult, Status

INFO = EngineInfo("mock", "none", "cpu", "0")
Event = WorkerEvent | WorkerDied


class FakeWorker:
    """A worker that answers an item with the events that its pool has for that item."""

    def __init__(self, pool: FakePool) -> None:
        self.pool = pool
        self.given: list[str] = []
        self.dead = False

    def give(self, item: PlannedFile) -> None:
        self.given.append(item.job.name)
        for event in self.pool.answer(item):
            self.pool.queue.append((self, event))


class FakePool:
    """A pool whose workers become ready at once, with room for `capacity` items."""

    reports_progress = True

    def __init__(
        self,
        answer: Callable[[PlannedFile], Sequence[Event]],
        *,
        capacity: int = 1,
        ready: bool = True,
    ) -> None:
        self.answer = answer
        self.capacity = capacity
        self.ready = ready
        self.workers: list[FakeWorker] = []
        self.queue: deque[tuple[FakeWorker, Event]] = deque()
        self.killed: list[FakeWorker] = []
        self.stopped = self.winding_down = False

    def start(self) -> FakeWorker:
        worker = FakeWorker(self)
        self.workers.append(worker)
        event = WorkerReady(INFO, self.capacity) if self.ready else WorkerDied("it exited with 1")
        self.queue.append((worker, event))
        return worker

    def events(self) -> Iterator[tuple[WorkerHandle, Event]]:
        if not self.queue:
            raise AssertionError("the dispatcher waits for an event that can't come")
        worker, event = self.queue.popleft()
        if not worker.dead:
            worker.dead = isinstance(event, WorkerDied)
            yield worker, event

    def kill(self, worker: WorkerHandle) -> None:
        assert isinstance(worker, FakeWorker)
        self.killed.append(worker)
        self.queue.append((worker, WorkerDied("it was ended by SIGKILL")))

    def wind_down(self) -> None:
        self.winding_down = True

    def stop(self) -> None:
        self.stopped = True


class SilentPool(FakePool):
    """A pool in which time passes: some seconds for each event, and while there is none."""

    clock = 0.0

    def __init__(
        self,
        answer: Callable[[PlannedFile], Sequence[Event]],
        *,
        capacity: int = 1,
        seconds_each: float = 0.2,
    ) -> None:
        super().__init__(answer, capacity=capacity)
        self.seconds_each = seconds_each

    def events(self) -> Iterator[tuple[WorkerHandle, Event]]:
        self.clock += self.seconds_each if self.queue else 10.0
        assert self.clock < 1e6, "nobody ends the worker that hangs"
        if self.queue:
            yield from super().events()


class RecordingView(SilentView):
    """Records how far each item is."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, float | None]] = []

    def started(self, job: Job, duration: float | None) -> None:
        self.calls.append(("started", job.name, duration))

    def advanced(self, job: Job, seconds: float) -> None:
        self.calls.append(("advanced", job.name, seconds))

    def ended(self, job: Job, result: FileResult) -> None:
        self.calls.append(("ended", job.name, None))


def planned(*names: str, folder: str = ".") -> list[PlannedFile]:
    jobs = [Job(name, name) for name in names]
    return plan_outputs(jobs, expand_formats(["txt"]), folder, "{filename}")


def finish(item: PlannedFile) -> list[Event]:
    return [Finished(item.number, FileResult(item.job.name, Status.OK))]


def run(
    pool: FakePool,
    items: Sequence[PlannedFile],
    *,
    workers: int = 1,
    view: SilentView | None = None,
) -> dict[str, FileResult]:
    handles = [pool.start() for _ in range(workers)]
    found = dispatch(items, pool, handles, view or SilentView(), attempts=2)
    return {item.job.name: result for item, result in found}


def dying_of(*poison: str) -> Callable[[PlannedFile], Sequence[Event]]:
    """Workers die of these items, and do all others."""

    def answer(item: PlannedFile) -> Sequence[Event]:
        return [WorkerDied("it was ended by SIGSEGV")] if item.job.name in poison else finish(item)

    return answer


def test_items_are_divided_between_the_workers_and_each_has_its_result() -> None:
    pool = FakePool(finish)
    results = run(pool, planned(*"abcdef"), workers=2)
    assert {name: result.status for name, result in results.items()} == dict.fromkeys(
        "abcdef", Status.OK
    )
    assert sorted(pool.workers[0].given + pool.workers[1].given) == list("abcdef")
    assert all(worker.given for worker in pool.workers)


def test_a_worker_has_no_more_items_than_keep_it_busy() -> None:
    pool = FakePool(lambda _: [], capacity=2)
    with pytest.raises(AssertionError, match="waits for an event"):
        run(pool, planned("a", "b", "c"))
    assert pool.workers[0].given == ["a", "b"]


def test_the_view_is_shown_what_starts_advances_and_ends() -> None:
    view = RecordingView()

    def answer(item: PlannedFile) -> Sequence[Event]:
        return [Progressed(item.number, 1.5), Progressed(99, 7.0), *finish(item)]

    run(FakePool(answer), [planned("a")[0]._replace(seconds=3.0)], view=view)
    assert view.calls == [("started", "a", 3.0), ("advanced", "a", 1.5), ("ended", "a", None)]


def test_an_item_that_its_workers_die_of_fails_by_name_and_the_others_are_done() -> None:
    pool = FakePool(dying_of("poison"), capacity=3)
    results = run(pool, planned("a", "poison", "b", "c"))
    poisoned = results.pop("poison")
    assert poisoned.status is Status.FAILED
    assert poisoned.reason == (
        "poison ended the engine's process each time: it was ended by SIGSEGV."
    )
    assert {result.status for result in results.values()} == {Status.OK}
    assert set(results) == {"a", "b", "c"}
    assert len(pool.workers) == 3  # two died, and each was replaced


@pytest.mark.parametrize(
    ("cause", "hint"), [("SIGKILL", "take fewer --workers"), ("SIGSEGV", "doctor --deep")]
)
def test_what_was_killed_says_what_to_lower_and_what_crashed_what_to_try(
    cause: str, hint: str
) -> None:
    pool = FakePool(lambda _: [WorkerDied(f"it was ended by {cause}")])
    assert hint in (run(pool, planned("a"))["a"].hint or "")


def test_a_worker_that_hangs_is_ended_and_its_files_are_tried_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(item: PlannedFile) -> Sequence[Event]:
        loaded = [Loaded(INFO, "cpu")]
        return loaded if item.job.name == "poison" else [*loaded, *finish(item)]

    pool = SilentPool(answer, capacity=2)
    monkeypatch.setattr(hangs.Watch, "tick", lambda watch: setattr(watch, "now", pool.clock))
    results = run(pool, [item._replace(seconds=1.0) for item in planned("a", "poison", "b")])
    assert [worker.given for worker in pool.workers] == [["a", "poison"], ["poison"], ["b"]] or [
        worker.given for worker in pool.workers
    ] == [["a", "poison", "b"], ["poison"], []]
    assert pool.killed == pool.workers[:2]
    poisoned = results.pop("poison")
    assert poisoned.status is Status.FAILED
    assert "made no progress with poison for" in (poisoned.reason or "")
    assert {result.status for result in results.values()} == {Status.OK}


def test_a_worker_that_is_slow_but_progresses_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(item: PlannedFile) -> Sequence[Event]:
        return [Progressed(item.number, float(n)) for n in range(50)] + finish(item)

    pool = SilentPool(answer, seconds_each=FLOOR_SECONDS - 1)
    monkeypatch.setattr(hangs.Watch, "tick", lambda watch: setattr(watch, "now", pool.clock))
    assert run(pool, planned("a"))["a"].status is Status.OK
    assert not pool.killed


def test_an_item_that_was_beside_it_is_tried_again_alone() -> None:
    pool = FakePool(dying_of("poison"), capacity=2)
    run(pool, planned("poison", "a"))
    assert pool.workers[0].given == ["poison", "a"]
    # Each suspect is alone with its worker, so the first to die again is to blame.
    assert pool.workers[1].given == ["poison"]
    assert pool.workers[2].given == ["a"]


def test_what_a_dead_worker_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".parakeet-a.txt.part"
    left.write_bytes(b"half")
    run(FakePool(dying_of("a")), planned("a", folder=str(tmp_path)))
    assert not left.exists()


def test_an_engine_whose_workers_never_become_ready_is_to_blame() -> None:
    pool = FakePool(finish, ready=False)
    with pytest.raises(EngineUnavailable, match=r"before it was ready: it exited with 1\."):
        run(pool, planned("a"))
    assert len(pool.workers) == 3


def test_an_engine_that_can_t_be_used_ends_everything() -> None:
    error = EngineUnavailable("There is no model.", hint="Fetch it.")
    with pytest.raises(EngineUnavailable, match="no model"):
        run(FakePool(lambda _: [Unusable(error)]), planned("a", "b"))


def test_at_ctrl_c_what_was_finished_is_still_a_result_and_nothing_more_is_given() -> None:
    def answer(item: PlannedFile) -> Sequence[Event]:
        if item.job.name == "a":
            return finish(item)
        signal.raise_signal(signal.SIGINT)
        return [Dropped(item.number)] if item.job.name == "c" else finish(item)

    pool = FakePool(answer, capacity=2)
    results = []
    with pytest.raises(KeyboardInterrupt):
        for item, _ in dispatch(
            planned("a", "b", "c", "d"), pool, [pool.start()], SilentView(), attempts=2
        ):
            results.append(item.job.name)  # what came before the interrupt counts
    assert pool.stopped
    assert "a" in results
    assert "d" not in pool.workers[0].given


@pytest.mark.parametrize("number", TERMINATIONS)
def test_at_a_termination_what_was_begun_is_finished_and_the_rest_handed_back(
    number: int,
) -> None:
    def answer(item: PlannedFile) -> Sequence[Event]:
        if item.job.name == "a":
            signal.raise_signal(number)
        return [Dropped(item.number)] if item.job.name == "b" else finish(item)

    pool = FakePool(answer, capacity=2)
    results = []
    with handle_signals(raise_terminated, number), pytest.raises(Terminated) as raised:
        for item, _ in dispatch(
            planned("a", "b", "c"), pool, [pool.start()], SilentView(), attempts=2
        ):
            results.append(item.job.name)
    assert raised.value.number == number
    assert pool.winding_down
    assert results == ["a"]
    assert pool.workers[0].given == ["a", "b"]


def test_what_isn_t_finished_within_the_grace_is_dropped() -> None:
    def answer(item: PlannedFile) -> Sequence[Event]:
        signal.raise_signal(signal.SIGTERM)
        return []  # and never an event of it

    pool = FakePool(answer)
    with handle_signals(raise_terminated, signal.SIGTERM), pytest.raises(Terminated):
        list(dispatch(planned("a", "b"), pool, [pool.start()], SilentView(), attempts=2, grace=0.0))
    assert pool.stopped
    assert pool.workers[0].given == ["a"]
