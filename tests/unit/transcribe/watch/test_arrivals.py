from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.run_folder import RunFolder, open_run_folder
from parakeet_cli.transcribe.watch.arrivals import ArrivalPlanner, PlannedArrivals, is_left_out
from parakeet_cli.transcript import FileResult, Status

OPTIONS = "options"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()


@pytest.fixture
def run() -> Iterator[RunFolder]:
    with open_run_folder(Path("run"), OPTIONS) as folder:
        yield folder


def planner(**given: object) -> ArrivalPlanner:
    asked = {"formats": ("txt",), "folder": "out", "run": "run", **given}
    return ArrivalPlanner(TranscribeRequest(("in",), **asked), "in")  # type: ignore[arg-type]


def arrive(name: str, content: str = "sound") -> str:
    Path("in", name).write_text(content)
    return name


def do(run: RunFolder, found: PlannedArrivals, status: Status = Status.OK) -> None:
    """Write the outputs of all that is to do, and record it."""
    for item in found.todo:
        run.record_start(item)
        paths = tuple(str(path) for _, path in item.paths)
        done = paths if status is Status.OK else ()
        for path in done:
            Path(path).write_text("words")
        run.record_end(item, FileResult("x", status, outputs=done, sums=("",) * len(done)), 0)


def test_what_is_done_is_done_until_the_recording_or_its_text_changes(run: RunFolder) -> None:
    plans = planner()
    do(run, plans.plan([arrive("a.wav")], run, OPTIONS))
    again = plans.plan(["a.wav"], run, OPTIONS)
    assert (len(again.earlier), again.todo) == (1, ())
    arrive("a.wav", "another sound")
    (item,) = plans.plan(["a.wav"], run, OPTIONS).todo
    assert item.replaces  # its text is the run's own
    do(run, plans.plan(["a.wav"], run, OPTIONS))
    Path("out/a.txt").unlink()
    assert len(plans.plan(["a.wav"], run, OPTIONS).todo) == 1


def test_what_a_command_has_had_is_not_missed(run: RunFolder) -> None:
    plans = planner()
    found = plans.plan([arrive("a.wav")], run, OPTIONS)
    do(run, found)
    Path("out/a.txt").unlink()
    status = Path("in/a.wav").stat()
    key = found.todo[0].job.key
    plans.taken_over = {key: ((status.st_size, status.st_mtime_ns), OPTIONS)}
    assert plans.plan(["a.wav"], run, OPTIONS).todo == ()
    arrive("a.wav", "another sound")
    assert len(plans.plan(["a.wav"], run, OPTIONS).todo) == 1


def test_what_failed_is_tried_again_if_it_is_reported_again_in_the_same_session(
    run: RunFolder,
) -> None:
    do(run, planner().plan([arrive("a.wav")], run, OPTIONS), Status.FAILED)
    plans = planner()  # of the next session
    assert plans.plan(["a.wav"], run, OPTIONS).todo == ()
    assert len(plans.plan(["a.wav"], run, OPTIONS).todo) == 1
    assert len(planner(retry_failed=True).plan(["a.wav"], run, OPTIONS).todo) == 1


def test_a_second_recording_for_one_output_is_refused_while_the_first_is_there(
    run: RunFolder,
) -> None:
    plans = planner(options=planner().request.options)
    do(run, plans.plan([arrive("b.mp3")], run, OPTIONS))
    arrive("b.wav")
    for names in (["b.wav"], ["b.mp3", "b.wav"]):  # whichever is listed first
        found = plans.plan(sorted(names, reverse=True), run, OPTIONS)
        ((_, result),) = found.settled
        assert result.status is Status.FAILED
        assert "which is that of in/b.mp3" in (result.reason or "")
    Path("in/b.mp3").unlink()
    ((_, result),) = plans.plan(["b.wav"], run, OPTIONS).settled
    assert "already exists" in (result.reason or "")


def test_names_that_are_taken() -> None:
    assert planner().takes("a.wav") and not planner().takes("a.txt")
    every = planner(all_files=True)
    assert every.takes("a.dat") and every.takes("a")
    assert not any(every.takes(f"a.{kind}") for kind in ("txt", "srt", "json", "html", "csv"))


def test_the_folder_of_the_run_is_left_out_by_every_name_that_it_has(tmp_path: Path) -> None:
    Path("in", "run").mkdir()
    Path("in", "deep", "run").mkdir(parents=True)
    Path("link").symlink_to("in")
    for run in ("in/run", "link/run", str(tmp_path / "link" / "run"), "in/../in/run"):
        request = planner(run=run).request
        for top in ("in", "link"):
            assert is_left_out(str(tmp_path / top / "run"), request)
            assert not is_left_out(str(tmp_path / top / "deep"), request)
            assert not is_left_out(str(tmp_path / top / "deep" / "run"), request)
