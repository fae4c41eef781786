"""--workers: engines side by side, and batches whose workers die."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli import console
from parakeet_cli.audio.decode import pool
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.inputs.storage import name_of
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.plan.schedule import make_schedule
from parakeet_cli.transcribe.workers import local
from parakeet_cli.transcribe.workers.dispatcher import dispatch
from parakeet_cli.transcribe.workers.local import LocalWorkerPool
from parakeet_cli.transcribe.workers.worker import WorkerSetup
from parakeet_cli.transcript import FileResult, Status
from tests.integration.transcribe.command import (
    MOCK,
    SAID,
    clip,
    environment,
    files,
    start,
    transcribe,
)
from tests.integration.transcribe.test_runs import RUN, SLOW, batch, content, journal, killed

FORMS = ("txt", "json")
TWO = ("--workers", "2", "--threads", "2")
DYING = "from tests.integration.transcribe.dying import main; main()"
KILLER = "from tests.integration.audio.accident_worker import main; main()"


Find = Callable[[int], list[int]]  # the driver's process to its workers' processes


def transcribe_with_two(folder: Path, engine: str = "mock") -> dict[str, FileResult]:
    """The results of two workers for a folder, by file name."""
    planned = plan_outputs(
        find_jobs([str(folder)]), expand_formats(["txt"]), f"{folder}/out", "{filename}"
    )
    setup = WorkerSetup(
        engine, EngineOptions(threads=2), PipelineOptions(), False, console.Verbosity()
    )
    with LocalWorkerPool(setup, 2) as pool:
        todo = make_schedule(planned, PipelineOptions()).todo
        found = dispatch(todo, pool, [pool.start(), pool.start()], SilentView(), attempts=2)
        return {name_of(item.job.path): result for item, result in found}


def test_two_workers_write_what_one_does(tmp_path: Path) -> None:
    batch(tmp_path, 8)
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "one").code == 0
    done = transcribe(
        tmp_path, "in", "-f", "txt,json", "-o", "two", *TWO, "--manifest-out", "m.jsonl"
    )
    assert done.code == 0, done.err
    assert "2 workers" in done.err
    assert content(tmp_path / "two") == content(tmp_path / "one")
    lines = (tmp_path / "m.jsonl").read_text().splitlines()
    assert [line.split('"')[3] for line in lines] == sorted(
        f"in/{n % 3}/clip{n:02}.wav" for n in range(8)
    )


@pytest.mark.parametrize("feeders", [("--feeders", "2"), ("--feeders", "3", *TWO)])
def test_feeders_in_front_of_each_engine_change_no_byte(
    tmp_path: Path, feeders: tuple[str, ...]
) -> None:
    batch(tmp_path, 8)
    (tmp_path / "in/empty.wav").touch()
    detecting = {"PARAKEET_MOCK_VAD": "1"}
    asked = ("in", "-f", "txt,json,html")
    assert transcribe(tmp_path, *asked, "-o", "one", env=detecting).code == 1
    several = (*asked, "-o", "several", "--run", "run", *feeders)
    done = transcribe(tmp_path, *several, env=detecting)
    assert done.code == 1, done.err
    assert content(tmp_path / "several") == content(tmp_path / "one")
    assert sum(journal(tmp_path, "ended").values()) == 9


def test_text_on_stdout_stays_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    batch(tmp_path, 5)
    clip(tmp_path / "plain.wav")
    names = [f"in/{n % 3}/clip{n:02}.wav" for n in (3, 0, 4, 1, 2)]
    done = transcribe(tmp_path, *names, "plain.wav", *TWO)
    assert done.code == 0, done.err
    said = [f"The words of clip {n}.\n" for n in (3, 0, 4, 1, 2)]
    assert done.out == "\n".join([*said, SAID.decode()]).encode()


def test_a_poison_file_fails_by_name_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        clip(tmp_path / f"clip{number}.wav")
    clip(tmp_path / "poison.wav")
    monkeypatch.setattr(local, "ENTRY", DYING)
    results = transcribe_with_two(tmp_path)
    assert len(results) == 9
    poisoned = results.pop("poison.wav")
    assert poisoned.status is Status.FAILED
    assert poisoned.reason is not None
    assert "poison.wav ended the engine's process each time: it was ended by SIGSEGV" in (
        poisoned.reason
    )
    assert {result.status for result in results.values()} == {Status.OK}
    assert len(content(tmp_path / "out")) == 8


ON_POISON = f"""
import sys
from parakeet_cli.cli.app import app
from parakeet_cli.transcribe.workers import local
local.ENTRY = {DYING!r}
sys.exit(app(sys.argv[1:], standalone_mode=False))
"""


@pytest.mark.parametrize(
    ("engine", "asked", "count"), [("mock", RUN, 3), ("whisper", RUN, 3), ("mock", RUN[:-2], 1)]
)
def test_one_worker_s_batch_outlives_a_crash_of_its_engine(
    tmp_path: Path, engine: str, asked: tuple[str, ...], count: int
) -> None:
    names = [f"clip{number:03}" for number in range(count)]
    for name in (*names, "poison"):
        clip(tmp_path / f"in/{name}.wav")
    done = subprocess.run(
        [sys.executable, "-c", ON_POISON, "transcribe", *asked, "--engine", engine, "--quiet"],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    assert "in/poison.wav ended the engine's process each time: it was ended by SIGSEGV" in (
        done.stderr
    )
    assert files(tmp_path / "out") == {f"{name}.{form}" for name in names for form in FORMS}


def test_stdin_is_transcribed_in_this_process_only(tmp_path: Path) -> None:
    sound = clip(tmp_path / "a.wav").read_bytes()
    done = transcribe(tmp_path, "-", "--workers", "2", stdin=sound)
    assert (done.code, done.out) == (0, SAID), done.err
    refused = transcribe(tmp_path, "-", "a.wav", "--workers", "2", stdin=sound)
    assert refused.code == 2
    assert "A worker process can't read stdin" in refused.err


def test_an_engine_whose_process_never_gets_ready_is_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip(tmp_path / "a.wav")
    monkeypatch.setattr(local, "ENTRY", "import os; os.abort()")
    with pytest.raises(EngineUnavailable, match="before it was ready: it was ended by SIGABRT"):
        transcribe_with_two(tmp_path)


def test_a_poison_file_that_kills_its_decoder_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "segfault.wav"), "wb") as file:  # it dies after 20 s of sound
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 45 * 16_000))
    clip(tmp_path / "z.wav")
    # The workers' decoders, not this process's: the entry point is replaced where they start.
    monkeypatch.setattr(
        local,
        "ENTRY",
        f"from parakeet_cli.audio.decode import pool; pool.ENTRY = {KILLER!r}; " + local.ENTRY,
    )
    assert pool.ENTRY != KILLER
    results = transcribe_with_two(tmp_path)
    assert results["segfault.wav"].status is not Status.OK
    assert "crashed (SIGSEGV)" in (results["segfault.wav"].reason or "")
    assert {results[name].status for name in ("a.wav", "z.wav")} == {Status.OK}


def workers_of(driver: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == driver and b"transcribe.workers.worker" in command:
            found.append(int(folder.name))
    return found


def killed_in_mid_run(
    folder: Path, count: int, every: int, seed: int, way: tuple[str, ...], find: Find
) -> int:
    """Kill one of the processes found after every `every` files; the number of kills."""
    batch(folder, count)
    assert transcribe(folder, "in", "-f", "txt,json", "-o", "whole").code == 0
    process = start(folder, "transcribe", *RUN, *way, engine={**SLOW, "PARAKEET_MOCK_RTF": "0.1"})
    rolls, kills, seen = random.Random(seed), 0, 0
    until = time.monotonic() + 500
    while process.poll() is None and time.monotonic() < until:
        if len(content(folder / "out")) // 2 >= seen + every and (found := find(process.pid)):
            seen = len(content(folder / "out")) // 2
            os.kill(rolls.choice(found), signal.SIGKILL)
            kills += 1
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    # One that was killed twice over the same file has failed by its name.
    assert process.returncode in (0, 1), err
    last = transcribe(folder, *RUN, *way, "--retry-failed", limit=240)
    assert last.code == 0, last.err
    assert content(folder / "out") == content(folder / "whole")
    assert set(journal(folder, "ended").values()) <= {1, 2}
    return kills


@pytest.mark.slow
def test_workers_killed_in_mid_run_cost_only_time(tmp_path: Path) -> None:
    assert killed_in_mid_run(tmp_path, 30, 5, 1, TWO, workers_of) >= 3


@pytest.mark.soak
def test_workers_killed_thirty_times_in_a_run_cost_only_time(tmp_path: Path) -> None:
    assert killed_in_mid_run(tmp_path, 240, 7, 5, TWO, workers_of) >= 30


@pytest.mark.slow
def test_killed_at_random_moments_a_run_with_workers_goes_on(tmp_path: Path) -> None:
    killed(tmp_path, 3, 3, *TWO, in_hand=6)


@pytest.mark.soak
def test_killed_at_thirty_random_moments_a_run_with_workers_goes_on(tmp_path: Path) -> None:
    killed(tmp_path, 30, 4, *TWO, in_hand=6)


def test_ctrl_c_leaves_no_worker_behind(tmp_path: Path) -> None:
    batch(tmp_path, 30)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    process = start(tmp_path, "transcribe", *RUN, *TWO, engine=SLOW, start_new_session=True)
    until = time.monotonic() + 60
    while not journal(tmp_path, "ended"):
        assert time.monotonic() < until
        time.sleep(0.01)
    left = workers_of(process.pid)
    assert len(left) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"The same command goes on from here." in err
    while any(Path(f"/proc/{worker}/cmdline").exists() for worker in left):
        assert time.monotonic() < until + 60
        time.sleep(0.05)
    assert journal(tmp_path, "ended")


def interrupted(folder: Path, asked: tuple[str, ...], times: int) -> int:
    """Press Ctrl-C at seeded moments of a batch: whole files, and a line of each.

    Returns how often it came between the first file and the last.
    """
    batch(folder, 60)
    forms = ("txt", "json", "html")
    command = ("transcribe", "in", "-f", ",".join(forms), "-o", "out", "--manifest-out", "m.jsonl")
    moments = random.Random(21)
    cut = 0
    for _ in range(times):
        shutil.rmtree(folder / "out", ignore_errors=True)
        slow = {**MOCK, "PARAKEET_MOCK_RTF": "0.01"}
        process = start(folder, *command, *asked, engine=slow, start_new_session=True)
        while not files(folder / "out") and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode in (0, 130), err
        assert b"Traceback" not in err
        names = {Path(name).name for name in files(folder / "out")}
        done = {Path(name).stem for name in names}
        assert names == {f"{name}.{form}" for name in done for form in forms}
        lines = map(json.loads, (folder / "m.jsonl").read_text().splitlines())
        assert sorted(Path(line["audio_filepath"]).stem for line in lines) == sorted(done)
        cut += 0 < len(done) < 60
    return cut


@pytest.mark.parametrize("asked", [(), TWO])
def test_ctrl_c_at_any_moment_leaves_whole_files_and_a_line_of_each(
    tmp_path: Path, asked: tuple[str, ...]
) -> None:
    assert interrupted(tmp_path, asked, 5) >= 3


@pytest.mark.parametrize("given", ["0", "many", "-1", "1.5"])
def test_an_invalid_number_of_workers_is_refused(tmp_path: Path, given: str) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", f"--workers={given}")
    assert done.code == 2
    assert "it must be a number from 1, or auto" in done.err
