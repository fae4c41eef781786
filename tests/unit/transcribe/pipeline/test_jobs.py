from __future__ import annotations

import signal
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.errors import EngineError, EngineUnavailable, InputError
from parakeet_cli.formats import expand_formats
from parakeet_cli.system.processes import raise_terminated
from parakeet_cli.transcribe.inputs.find import Job, find_jobs
from parakeet_cli.transcribe.inputs.storage import Place, Url
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.outputs.write import PreparedOutput
from parakeet_cli.transcribe.pipeline import jobs
from parakeet_cli.transcribe.pipeline import results as making
from parakeet_cli.transcribe.pipeline.interrupts import finish_within
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcript import FileResult, Status
from tests.unit.transcribe.scripted import Scripted


class Watched:
    """A view that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.last: dict[str, float] = {}

    def started(self, job: Job, duration: float | None) -> None:
        self.calls.append(("started", job.name))

    def advanced(self, job: Job, seconds: float) -> None:
        assert seconds >= self.last.get(job.name, 0.0)
        self.last[job.name] = seconds

    def ended(self, job: Job, result: FileResult) -> None:
        self.calls.append(("ended", job.name))


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def sound(name: str, seconds: float = 1.0) -> str:
    with wave.open(name, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * 16_000)))
    return name


def plan(*names: str, formats: str = "txt") -> list[PlannedFile]:
    return plan_outputs(find_jobs(names), expand_formats([formats]), "out", "{filename}")


def run(
    planned: list[PlannedFile],
    engine: Scripted,
    view: Watched | None = None,
    *,
    skip_existing: bool = False,
    overwrite: bool = False,
) -> list[FileResult]:
    options = PipelineOptions(skip_existing=skip_existing, overwrite=overwrite)
    return list(transcribe_jobs(planned, engine, options, view or Watched()))


def written() -> set[str]:
    return {path.name for path in Path("out").glob("*")}


def failing(source: str, error: Callable[[], Exception], *, at: float | None = None) -> Scripted:
    def during(chunk: Chunk) -> None:
        if chunk.source == source and (at is None or chunk.start == at):
            raise error()

    return Scripted(during=during, max_chunk_seconds=1.0)


def test_results_come_in_the_order_of_the_jobs_with_their_outputs() -> None:
    view = Watched()
    results = run(
        plan(sound("b.wav"), sound("a.wav", 3.0), "gone.wav"), Scripted(concurrency=2), view
    )
    assert [(result.source, result.status) for result in results] == [
        ("b.wav", Status.OK),
        ("a.wav", Status.OK),
        ("gone.wav", Status.FAILED),
    ]
    assert results[0].outputs == ("out/b.txt",)
    assert results[2].reason == "gone.wav does not exist."
    assert view.calls.count(("ended", "a.wav")) == 1
    assert view.last == {"b.wav": pytest.approx(1.0), "a.wav": pytest.approx(3.0)}


def test_chunks_are_joined_in_order_at_any_concurrency() -> None:
    (result,) = run(plan(sound("a.wav", 5.0)), Scripted(concurrency=4, max_chunk_seconds=1.0))
    assert result.transcript is not None
    assert result.transcript.text == "0.0 1.0 2.0 3.0 4.0"


def test_an_engine_that_fails_a_whole_file_fails_that_file_alone() -> None:
    engine = failing("b.wav", lambda: EngineError("It choked.", hint="Try another."))
    results = run(plan(sound("a.wav"), sound("b.wav"), sound("c.wav")), engine)
    assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
    assert (results[1].reason, results[1].hint) == ("It choked.", "Try another.")
    assert written() == {"a.txt", "c.txt"}


def test_a_chunk_on_which_the_engine_fails_is_a_lost_interval_of_a_partial_file() -> None:
    engine = failing("a.wav", lambda: EngineError("It choked."), at=1.0)
    (result,) = run(plan(sound("a.wav", 3.0)), engine)
    assert result.status is Status.PARTIAL
    assert result.transcript is not None
    (lost,) = result.transcript.accounting.lost
    assert (lost.start, lost.end, lost.reason) == (1.0, 2.0, "It choked.")
    assert result.transcript.text == "0.0 2.0"
    assert "1.00 s could not be transcribed" in (result.reason or "")
    assert written() == {"a.txt"}


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_an_unexpected_error_costs_one_file_and_no_other(seconds: float) -> None:
    """Whether it comes up while the file is still decoded or at its end."""
    engine = failing("b.wav", lambda: IndexError("no such beam"))
    names = (sound("a.wav"), sound("b.wav", seconds), sound("c.wav"))
    results = run(plan(*names), engine)
    assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
    assert "IndexError" in (results[1].reason or "")
    assert written() == {"a.txt", "c.txt"}


def test_an_error_while_writing_costs_one_file_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def choke(path: str, pieces: Iterable[str]) -> PreparedOutput:
        if path.endswith("a.txt"):
            raise ZeroDivisionError
        return PreparedOutput(path, pieces)

    monkeypatch.setattr(making, "PreparedOutput", choke)
    results = run(plan(sound("a.wav"), sound("b.wav")), Scripted())
    assert [result.status for result in results] == [Status.FAILED, Status.OK]


def test_an_engine_that_can_t_be_used_stops_everything() -> None:
    planned = plan(sound("a.wav", 20.0), sound("b.wav"))
    with pytest.raises(EngineUnavailable):
        run(planned, Scripted(unavailable=True, max_chunk_seconds=1.0))
    assert written() == set()


def test_where_nothing_is_to_be_done_no_model_is_loaded() -> None:
    Path("out").mkdir()
    Path("out/a.txt").touch()
    engine = Scripted(unavailable=True)
    results = run(plan(sound("a.wav"), "*.none"), engine, skip_existing=True)
    assert [result.status for result in results] == [Status.SKIPPED, Status.FAILED]
    assert engine.loads == 0


@pytest.mark.parametrize(
    ("options", "statuses", "old"),
    [
        ({}, [Status.FAILED, Status.OK], b"old"),
        ({"skip_existing": True}, [Status.SKIPPED, Status.OK], b"old"),
        ({"overwrite": True}, [Status.OK, Status.OK], b"0.0\n"),
    ],
)
def test_existing_outputs(options: dict[str, bool], statuses: list[Status], old: bytes) -> None:
    Path("out").mkdir()
    Path("out/a.txt").write_bytes(b"old")
    results = run(plan(sound("a.wav"), sound("b.wav")), Scripted(), None, **options)
    assert [result.status for result in results] == statuses
    assert Path("out/a.txt").read_bytes() == old


def test_a_missing_output_is_written_beside_an_existing_one() -> None:
    Path("out").mkdir()
    Path("out/a.txt").write_bytes(b"old")
    (result,) = run(plan(sound("a.wav"), formats="txt,srt"), Scripted(), skip_existing=True)
    assert result.outputs == ("out/a.srt",)
    assert Path("out/a.txt").read_bytes() == b"old"


def test_ctrl_c_waits_for_the_outputs_although_an_input_was_copied_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copying, pressed = Event(), Event()

    @contextmanager
    def copied(place: Place) -> Iterator[Path]:
        if isinstance(place, Url):
            copying.set()
        yield Path("c.wav" if isinstance(place, Url) else place)

    class Prepared(PreparedOutput):
        def __init__(self, where: Place, pieces: Iterable[str]) -> None:
            copying.wait(60)
            super().__init__(where, pieces)

        def commit(self) -> str:
            pressed.set()
            signal.raise_signal(signal.SIGINT)
            return super().commit()

    def during(chunk: Chunk) -> None:
        if chunk.source == "b.wav":  # so that the first one's outputs alone are made
            pressed.wait(60)

    monkeypatch.setattr(making, "PreparedOutput", Prepared)
    monkeypatch.setattr(jobs, "as_file", copied)
    first, second, third = plan(*(sound(f"{name}.wav") for name in "abc"), formats="txt,srt")
    third = third._replace(job=third.job._replace(path=Url("memory://c.wav", "memory://")))
    planned, engine = [first, second, third], Scripted(during=during)
    came = []
    with pytest.raises(KeyboardInterrupt):
        for result in transcribe_jobs(planned, engine, PipelineOptions(), Watched()):
            came.append(result)  # noqa: PERF402  # what came before the interrupt counts
    assert came[0].outputs == ("out/a.txt", "out/a.srt")
    assert written() == {Path(path).name for result in came for path in result.outputs}


def test_ctrl_c_during_a_write_comes_after_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(path: str, pieces: Iterable[str]) -> PreparedOutput:
        if path.endswith("a.txt"):
            signal.raise_signal(signal.SIGINT)
        return PreparedOutput(path, pieces)

    monkeypatch.setattr(making, "PreparedOutput", pressed)
    planned = plan(*(sound(f"{name}.wav") for name in "abcdef"), formats="txt,srt")
    came = []
    with pytest.raises(KeyboardInterrupt):
        for result in transcribe_jobs(planned, Scripted(), PipelineOptions(), Watched()):
            came.append(result)  # noqa: PERF402  # what came before the interrupt counts
    assert came[0].source == "a.wav"
    assert written() == {Path(path).name for result in came for path in result.outputs}
    assert len(written()) == 2 * len(came)


def test_a_termination_during_a_write_leaves_time_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def terminated(path: str, pieces: Iterable[str]) -> PreparedOutput:
        if path.endswith("a.txt"):
            signal.raise_signal(signal.SIGTERM)
        return PreparedOutput(path, pieces)

    monkeypatch.setattr(making, "PreparedOutput", terminated)
    names = [sound(f"{name}.wav") for name in "abcdefghijkl"]
    before = signal.signal(signal.SIGTERM, raise_terminated)
    try:
        with finish_within(60.0) as stop:
            results = run(plan(*names), Scripted())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stop.number == signal.SIGTERM
    assert [result.source for result in results] == names


def test_outputs_whose_turn_has_not_come_are_removed_at_an_error() -> None:
    def during(chunk: Chunk) -> None:
        if chunk.source == "a.wav":
            while not list(Path("out").glob(".parakeet-*.part")):
                time.sleep(0.01)
            raise EngineUnavailable("It is gone.", hint="Look elsewhere.")

    planned = plan(sound("a.wav"), sound("b.wav"))
    with pytest.raises(EngineUnavailable):
        list(
            transcribe_jobs(
                planned, Scripted(concurrency=2, during=during), PipelineOptions(), Watched(),
                feeders=2,
            )
        )  # fmt: skip
    assert written() == set()


def test_an_input_error_keeps_its_hint() -> None:
    job = Job("x", "x", error=InputError("It is none.", hint="Name another."))
    (result,) = run(plan_outputs([job], (), "out", "{filename}"), Scripted())
    assert (result.reason, result.hint) == ("It is none.", "Name another.")
