"""The tool's end of a Sortformer: what it sends, where its frames lie, and what a crash costs."""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo import sortformer
from parakeet_cli.engines.nemo.process import WorkerDiedError
from parakeet_cli.engines.nemo.sortformer import Sortformer
from parakeet_cli.errors import EngineError, EngineUnavailable, UsageError

FRAME = 1280  # samples


class Worker:
    """A worker whose frames say which part of what it got they were made of."""

    started: ClassVar[list[Worker]] = []

    def __init__(self, python: str, earlier: Worker | None = None) -> None:
        self.python, self.earlier = python, earlier
        self.dead = False
        self.dies = False
        self.requests: list[dict[str, Any]] = []
        self.got: dict[int, list[float]] = {}
        self.longest = 0
        Worker.started.append(self)

    def request(
        self, operation: str, samples: NDArray[np.float32] | None = None, **more: Any
    ) -> Any:
        self.requests.append({"operation": operation, **more})
        if operation == "load_diarizer":
            assert Path(more["model"]["path"]).is_dir()  # what was scanned, and not the file
            return {"speakers": 4, "frame_seconds": 0.08, "gpu": None, "why_cpu": None, "nemo": "3"}
        assert samples is not None
        assert more["earlier_seconds"] <= 30.5
        if self.dies:
            self.dead = True
            raise WorkerDiedError("it was ended by SIGSEGV", started=True)
        self.longest = max(self.longest, len(samples))
        waiting = self.got.setdefault(more["recording"], [])
        waiting += samples.tolist()
        count = -(-len(waiting) // FRAME) if more["last"] else len(waiting) // FRAME
        found = [[waiting[min(n * FRAME, len(waiting) - 1)], 0.0] for n in range(count)]
        del waiting[: count * FRAME]
        return found

    def runs_on(self, *, gpu: bool) -> None:
        assert not gpu

    def kill(self) -> None:
        self.dead = True

    close = kill


def tar(path: Path, configuration: str, weights: bytes) -> Path:
    folder = path.parent / "members"
    folder.mkdir()
    (folder / "model_config.yaml").write_text(configuration)
    (folder / "model_weights.ckpt").write_bytes(weights)
    with tarfile.open(path, "w") as archive:
        for member in sorted(folder.iterdir()):
            archive.add(member, arcname=f"./{member.name}")
    return path


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file that passes for a model here, where none is loaded; its worker is a double."""
    path = tmp_path / "voices.nemo"
    path.write_bytes(b"")
    monkeypatch.setattr(sortformer, "private_copy", Copy)
    monkeypatch.setattr(sortformer, "NemoProcess", Worker)
    monkeypatch.setattr(sortformer, "require_packages", lambda *_, **__: None)
    Worker.started = []
    yield str(path)


class Copy:
    """The folder of a model that was scanned, for models that may be of any kind."""

    def __init__(self, path: Path, *, any_kind: bool) -> None:
        assert any_kind
        self.folder = path.parent

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *_: object) -> None:
        pass


def chunk(first: float, seconds: float, *, overlap: float = 0.0) -> Chunk:
    """Sound whose samples are their own times on the clock."""
    samples = (first + np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE).astype(np.float32)
    return Chunk(samples, (Piece(0.0, first),), overlap=overlap)


def joined(*chunks: Chunk) -> Chunk:
    """One chunk of several, with silences between them that were left out."""
    pieces, offset = [], 0.0
    for one in chunks:
        pieces.append(Piece(offset, one.start))
        offset += one.duration
    return Chunk(np.concatenate([one.samples for one in chunks]), tuple(pieces))


def times(model: str, *chunks: Chunk) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The starts of the frames, and the clock's times of the sound that they were made of."""
    diarizer = Sortformer(model, EngineOptions())
    recording = diarizer.open()
    for one in chunks:
        recording.add(one)
    recording.close()
    spans, found = recording.activity()
    assert np.allclose(spans[:, 1] - spans[:, 0], 0.08)
    assert (np.diff(spans[:, 0]) >= 0).all()
    diarizer.close()
    return spans[:, 0], found[:, 0].astype(np.float64)


def test_frames_lie_where_their_sound_is_on_the_clock(model: str) -> None:
    starts, heard = times(model, chunk(0, 8.0), chunk(8.0, 4.0))
    assert len(starts) == 150
    assert np.allclose(starts, heard, atol=1e-4)


def test_silences_and_losses_that_were_left_out_are_on_the_clock(model: str) -> None:
    parts = joined(chunk(3.0, 4.0), chunk(60.0, 2.0)), joined(chunk(900.0, 1.6), chunk(3600, 0.8))
    starts, heard = times(model, *parts)
    assert len(starts) == 105
    assert np.allclose(starts, heard, atol=1e-3)


def test_a_frame_over_a_gap_belongs_where_its_middle_is(model: str) -> None:
    starts, heard = times(model, joined(chunk(0.0, 1.02), chunk(50.0, 2.0)))
    assert np.abs(starts - heard).max() < 49.1  # one frame has sound of both sides
    assert (np.abs(starts - heard) > 0.08).sum() <= 1


def test_what_two_chunks_both_have_is_sent_once(model: str) -> None:
    starts, heard = times(model, chunk(0.0, 4.0), chunk(3.2, 4.0, overlap=0.8))
    assert len(starts) == 90
    assert np.allclose(starts, heard, atol=1e-4)


def test_the_end_of_a_recording_has_a_frame_too(model: str) -> None:
    starts, _ = times(model, chunk(0.0, 1.0))
    assert len(starts) == 13
    assert times(model)[0].size == 0  # silence alone


def test_long_chunks_are_sent_in_parts(model: str) -> None:
    starts, heard = times(model, chunk(0.0, 240.0))
    assert len(starts) == 3000
    assert np.allclose(starts, heard, atol=1e-3)
    assert Worker.started[0].longest == 30 * SAMPLE_RATE


def test_two_recordings_at_once_don_t_meet(model: str) -> None:
    diarizer = Sortformer(model, EngineOptions())
    one, other = diarizer.open(), diarizer.open()
    for part in range(3):
        one.add(chunk(part * 2.0, 2.0))
        other.add(chunk(100 + part * 2.0, 2.0))
    for recording, first in ((one, 0.0), (other, 100.0)):
        recording.close()
        spans, found = recording.activity()
        assert np.allclose(spans[:, 0], found[:, 0], atol=1e-3)
        assert spans[0, 0] == pytest.approx(first)
    assert len(Worker.started) == 1


def test_a_crash_costs_the_recording_and_the_next_has_another_worker(model: str) -> None:
    diarizer = Sortformer(model, EngineOptions())
    recording = diarizer.open()
    recording.add(chunk(0.0, 2.0))
    Worker.started[0].dies = True
    with pytest.raises(EngineError, match="told the speakers apart, at 2 s: it was ended by SIG"):
        recording.add(chunk(2.0, 2.0))
    recording.close()  # as after any error
    following = diarizer.open()
    following.add(chunk(0.0, 2.0))
    following.close()
    assert len(Worker.started) == 2
    assert Worker.started[1].earlier is Worker.started[0]


def test_a_worker_that_always_dies_ends_the_run(model: str) -> None:
    diarizer = Sortformer(model, EngineOptions())
    for number in range(3):
        recording = diarizer.open()
        Worker.started[number].dies = True
        with pytest.raises(EngineError):
            recording.add(chunk(0.0, 2.0))
    with pytest.raises(EngineUnavailable, match="died 3 times in a row") as caught:
        diarizer.open()
    assert "parakeet doctor --deep" in (caught.value.hint or "")


def test_what_can_t_be_loaded_is_tried_once(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(worker: Worker, operation: str, **_: Any) -> Any:
        raise EngineUnavailable(f"There is no memory for {operation}.")

    monkeypatch.setattr(Worker, "request", fail)
    diarizer = Sortformer(model, EngineOptions())
    for _ in range(3):  # as many feeders
        with pytest.raises(EngineUnavailable, match="no memory"):
            diarizer.open()
    assert len(Worker.started) == 1
    diarizer.close()
    with pytest.raises(EngineUnavailable, match="no memory"):
        diarizer.open()
    assert len(Worker.started) == 2


def test_closing_doesn_t_wait_for_a_model_that_is_loading(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, killed = Event(), Event()

    def load(worker: Worker, operation: str, **_: Any) -> Any:
        begun.set()
        assert killed.wait(60)
        raise WorkerDiedError("it was ended by SIGKILL", started=True)

    monkeypatch.setattr(Worker, "request", load)
    monkeypatch.setattr(Worker, "kill", lambda _: killed.set())
    diarizer = Sortformer(model, EngineOptions())
    with ThreadPoolExecutor(1) as feeder:
        opened = feeder.submit(diarizer.open)
        assert begun.wait(60)
        diarizer.close()
        with pytest.raises(EngineUnavailable, match="died while it loaded"):
            opened.result()


def test_more_speakers_than_the_model_knows_are_refused(model: str) -> None:
    Sortformer(model, EngineOptions(), most=4).open()
    with pytest.raises(UsageError, match="tells 4 speakers apart, and --speakers 5"):
        Sortformer(model, EngineOptions(), most=5).open()
    assert Worker.started[-1].dead


def test_the_model_is_never_trusted(model: str) -> None:
    Sortformer(model, EngineOptions(trust_model=True, device="cuda:1", threads=3)).open()
    (loading,) = Worker.started[0].requests
    assert "trusted" not in loading["model"]
    assert (loading["model"]["device"], loading["model"]["threads"]) == ("cuda:1", 3)
    assert loading["streaming"] == sortformer.STREAMING


def test_a_model_with_code_in_it_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "nemo.collections.asr.models.sortformer_diar_models.SortformerEncLabelModel"
    hostile = tar(tmp_path / "x.nemo", f"target: {target}\n", pickle.dumps({"weights": [1]}))
    monkeypatch.setattr(sortformer, "NemoProcess", Worker)
    monkeypatch.setattr(sortformer, "require_packages", lambda *_, **__: None)
    Worker.started = []
    with pytest.raises(EngineUnavailable, match="it could run code of its own"):
        Sortformer(str(hostile), EngineOptions()).open()
    assert all(not worker.requests and worker.dead for worker in Worker.started)


def test_a_file_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sortformer, "require_packages", lambda *_, **__: None)
    with pytest.raises(EngineUnavailable, match="does not exist"):
        Sortformer("./gone.nemo", EngineOptions())
