"""Objects of a storage as inputs and outputs, in fsspec's own memory file system."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.as_file import as_file
from parakeet_cli.transcribe.inputs.find import Job, find_jobs
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import Url, forget_listings, state_of, to_place, upload
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.plan.schedule import make_schedule
from parakeet_cli.transcript import Status
from tests.unit.transcribe.scripted import Scripted

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[Any]:
    """The file system, with two recordings and something else below `memory://in`."""
    forget_listings()
    fs = fsspec.filesystem("memory")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    for name in ("a.wav", "deep/b.wav"):
        fs.pipe_file(f"/in/{name}", sound.getvalue())
    fs.pipe_file("/in/notes.txt", b"no recording")
    yield fs
    fs.rm("/", recursive=True)


def plan(given: str) -> list[PlannedFile]:
    jobs = find_jobs([given])
    return plan_outputs(jobs, expand_formats(["txt"]), to_place("memory://out/put"), "{filename}")


@pytest.mark.parametrize(
    ("given", "names", "outputs"),
    [
        ("memory://in", ["a.wav", "deep/b.wav"], ["a.txt", "deep/b.txt"]),
        ("memory://in/", ["a.wav", "deep/b.wav"], ["a.txt", "deep/b.txt"]),
        ("memory://in/deep/b.wav", ["deep/b.wav"], ["b.txt"]),
        ("memory://in/*.wav", ["a.wav"], ["a.txt"]),
    ],
)
def test_a_prefix_an_object_and_a_pattern(
    memory: Any, given: str, names: list[str], outputs: list[str]
) -> None:
    planned = plan(given)
    assert [item.job.name for item in planned] == [f"memory://in/{name}" for name in names]
    assert [str(item.paths[0][1]) for item in planned] == [
        f"memory://out/put/{name}" for name in outputs
    ]


def test_recordings_are_fetched_and_texts_put(memory: Any) -> None:
    batch = make_schedule(plan("memory://in"), PipelineOptions())
    results = list(transcribe_jobs(batch.todo, Scripted(), PipelineOptions(), SilentView()))
    assert [result.status for result in results] == [Status.OK, Status.OK]
    assert memory.cat_file("/out/put/deep/b.txt") == b"0.0\n"
    forget_listings()
    refused = make_schedule(plan("memory://in"), PipelineOptions())
    assert [result.status for _, result in refused.settled] == [Status.FAILED] * 2
    assert "memory://out/put/a.txt already exists" in (refused.settled[0][1].reason or "")


def test_a_manifest_names_objects(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "memory://in/a.wav"}\n')
    (job,) = find_jobs([str(tmp_path / "m.jsonl")])
    assert job.path == to_place("memory://in/a.wav")
    with as_file(job.path) as here:
        assert here.suffix == ".wav"
        assert here.stat().st_size == memory.size("/in/a.wav")


def test_a_missing_object_is_an_error_that_names_it(memory: Any) -> None:
    (job,) = find_jobs(["memory://none"])
    assert job.error is not None
    with (
        pytest.raises(InputError, match="there is no such object"),
        as_file(Url("memory://in/gone.wav", "memory://in")),
    ):
        pass
    with pytest.raises(UsageError, match="nosuch"):
        upload(Url("nosuch://x/y", "nosuch://x"), ["text"])


def test_an_object_that_changes_is_another(memory: Any) -> None:
    (before,) = find_jobs(["memory://in/a.wav"])
    memory.pipe_file("/in/a.wav", memory.cat_file("/in/a.wav") + b"more")
    (after,) = find_jobs(["memory://in/a.wav"])
    assert state_of(before.path) != state_of(after.path)


def test_a_file_url_is_a_file(tmp_path: Path) -> None:
    assert to_place(f"file://{tmp_path}/a%20b.wav") == f"{tmp_path}/a b.wav"
    assert to_place("plain//./a.wav") == "plain/a.wav"


def test_shards_go_by_the_name_below_what_was_asked_for(memory: Any) -> None:
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    for job in find_jobs(["memory://in"]):
        elsewhere = Job("x", f"/mnt/else/{job.relative}", relative=job.relative)
        assert [shard.contains(job) for shard in shards] == [
            shard.contains(elsewhere) for shard in shards
        ]
        assert sum(shard.contains(job) for shard in shards) == 1
    names = [Job("", "", relative=f"{n}.wav") for n in range(3000)]
    counts = [sum(shard.contains(job) for job in names) for shard in shards]
    assert sum(counts) == 3000
    assert min(counts) > 900
