"""Several feeders give what one gives, in the same order, and one that dies costs one file."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, active_count

import numpy as np
import pytest

from parakeet_cli.audio.decode import pool as decode_pool
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.mock import Mock
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.pipeline.feeders import suitable_count
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcript import EngineInfo, FileResult, Status
from tests.unit.transcribe.scripted import Scripted

SPEECH = Path(__file__).parents[4] / "samples"


class Detecting(Scripted):
    """An engine that is given the speech alone."""

    needs_all_audio = False


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def speech(seconds: float, seed: int) -> np.ndarray:
    """Sentences of the samples with pauses between them, as int16 at 16 kHz."""
    random = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    paths = sorted(SPEECH.glob("*.wav"))
    while sum(map(len, parts)) < seconds * 16_000:
        with wave.open(str(paths[random.integers(len(paths))]), "rb") as file:
            parts.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
        parts.append(np.zeros(int(random.uniform(0.2, 4.0) * 16_000), np.int16))
    return np.concatenate(parts)[: round(seconds * 16_000)]


def record(name: str, seconds: float, seed: int = 0) -> str:
    with wave.open(name, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(speech(seconds, seed).tobytes())
    return name


def plan(*names: str) -> list[PlannedFile]:
    return plan_outputs(find_jobs(names), expand_formats(["json,html"]), "out", "{filename}")


def run(planned: list[PlannedFile], engine: Scripted, feeders: int) -> list[FileResult]:
    options = PipelineOptions(overwrite=True)
    return list(transcribe_jobs(planned, engine, options, SilentView(), feeders=feeders))


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}


def test_any_number_of_feeders_writes_the_same_bytes_in_the_same_order() -> None:
    names = [record(f"{n}.wav", 1.0 + 17 * (n % 4), n) for n in range(9)]
    planned = plan(*names[:4], "gone.wav", *names[4:])
    found = {}
    for feeders in (1, 2, 3):
        engine = Detecting(concurrency=3, max_chunk_seconds=8.0)
        results = run(planned, engine, feeders)
        assert [result.source for result in results] == [item.job.name for item in planned]
        found[feeders] = results, outputs()
    assert len(found[1][1]) == 18
    assert found[2] == found[1] == found[3]


def test_several_files_are_decoded_while_the_engine_has_not_taken_one() -> None:
    both, seen = Event(), set()

    def during(chunk: Chunk) -> None:
        seen.add(chunk.source)
        if len(seen) == 2:
            both.set()
        assert both.wait(30), "the second file is not decoded before the first one ends"

    names = [record("a.wav", 4.0), record("b.wav", 4.0)]
    engine = Detecting(concurrency=2, max_chunk_seconds=60.0, during=during)
    assert [result.status for result in run(plan(*names), engine, 2)] == [Status.OK, Status.OK]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[decode_pool.DecoderWorker]]:
    """The decoder processes that were started, in their order."""
    started: list[decode_pool.DecoderWorker] = []
    start = decode_pool.DecoderWorker.__init__

    def starting(worker: decode_pool.DecoderWorker, limits: decode_pool.DecoderLimits) -> None:
        start(worker, limits)
        started.append(worker)

    decode_pool.default_pool().close()
    monkeypatch.setattr(decode_pool.DecoderWorker, "__init__", starting)
    yield started
    decode_pool.default_pool().close()


def test_a_feeder_that_is_killed_costs_the_file_that_it_had(
    workers: list[decode_pool.DecoderWorker],
) -> None:
    """It is killed while the engine has its first chunk, and its file is far from its end."""
    record("long.wav", 400.0)
    names = ["long.wav", *(record(f"{n}.wav", 2.0, n) for n in range(5))]

    def during(chunk: Chunk) -> None:
        if chunk.source == "long.wav" and chunk.start < 8.0:
            for worker in filter(lambda one: one.alive, workers):
                os.kill(worker.pid, signal.SIGKILL)
            workers.clear()

    first, *others = run(plan(*names), Detecting(max_chunk_seconds=8.0, during=during), 1)
    assert first.status is Status.PARTIAL
    assert "crashed (SIGKILL)" in (first.reason or "")
    assert [result.status for result in others] == [Status.OK] * 5


def test_an_engine_that_can_t_be_used_stops_every_feeder(
    workers: list[decode_pool.DecoderWorker],
) -> None:
    threads = active_count()
    names = [record(f"{n}.wav", 90.0) for n in range(3)]
    with pytest.raises(EngineUnavailable):
        run(plan(*names), Detecting(unavailable=True, max_chunk_seconds=8.0), 3)
    assert active_count() == threads


def test_an_engine_on_a_gpu_has_its_share_of_the_cores_and_one_on_the_cpu_has_one_feeder() -> None:
    engine = Mock(EngineOptions(), concurrency=4)
    assert suitable_count(None, engine, 8) == 1
    assert suitable_count(5, engine, 8) == 5
    engine.info = replace(engine.info, device="cuda:1")
    assert [suitable_count(None, engine, cores) for cores in (1, 8, 64)] == [1, 8, 16]
    assert isinstance(engine.info, EngineInfo)


def test_no_result_is_left_out_that_comes_in_the_last_moment() -> None:
    """Many short files, so that results come at every moment of the pipeline's work."""
    names = [record(f"{n}.wav", 0.1) for n in range(150)]
    engine = Scripted(concurrency=8)
    for result in run(plan(*names), engine, 3):
        assert result.transcript is not None
        assert result.transcript.text == "0.0"
