"""Folders of ONNX and CTranslate2 that are exchanged while real engines load them.

What they are exchanged for would load, and lies outside of the folder: the scan refuses it.
"""

from __future__ import annotations

import itertools
import shutil
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.onnx import folder as onnx_folder
from parakeet_cli.engines.onnx.engine import Onnx
from parakeet_cli.engines.whisper.engine import Whisper
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.embedded import TINY
from parakeet_cli.models.scan import model as scan
from parakeet_cli.models.scan import whisper_folder
from parakeet_cli.models.scan.opened_folder import OpenedFolder
from tests.integration.transcribe.command import transcribe
from tests.security.background import in_background
from tests.toy_parakeet import tune, write_toy

SAMPLES = tune(*((tone, 0.4) for tone in ("do", "remi", "fa", "do")))
GOOD, OTHER = "do remi fa do", "fa remi do fa"
LOADS = 25  # of the toy while it is exchanged: each takes some hundredths of a second


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A model whose weights are in a file of their own."""
    return with_weights(write_toy(tmp_path / "toy"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A model outside of the folder that takes each tone for the other."""
    import onnx
    from onnx import numpy_helper

    made = write_toy(tmp_path / "outside")
    graph = onnx.load(str(made / "encoder-model.onnx"))
    for one in graph.graph.initializer:
        values = numpy_helper.to_array(one).copy()
        if values.shape == (4, 80, 8):
            values[[0, 2]] = values[[2, 0]]
            one.CopyFrom(numpy_helper.from_array(values, one.name))
    onnx.save(graph, str(made / "encoder-model.onnx"))
    return with_weights(made)


def with_weights(folder: Path) -> Path:
    import onnx

    path = folder / "encoder-model.onnx"
    graph = onnx.load(str(path))
    onnx.save(graph, str(path), save_as_external_data=True, location="w.data", size_threshold=64)
    (folder / "w.data").chmod(0o644)
    return folder


def words(folder: Path) -> str:
    engine = Onnx(EngineOptions(model=str(folder), device="cpu", threads=1), concurrency=1)
    engine.load()
    found = engine.transcribe(Chunk(SAMPLES, (Piece(0.0, 0.0),)))
    return " ".join(segment.text for segment in found.segments)


def replace_by_links(folder: Path, other: Path) -> None:
    for name in ("encoder-model.onnx", "w.data", "config.json"):
        (folder / "new").symlink_to(other / name)
        (folder / "new").replace(folder / name)


def test_the_other_model_would_be_loaded_and_is_refused(toy: Path, other: Path) -> None:
    assert (words(toy), words(other)) == (GOOD, OTHER)
    replace_by_links(toy, other)
    with pytest.raises(EngineUnavailable, match="leads out of the model's folder"):
        words(toy)


def test_a_model_in_the_hub_s_cache_loads_through_its_links(toy: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("a" * 40)
    blobs = tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(toy.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    assert words(snapshot) == GOOD
    (snapshot / "config.json").unlink()
    shutil.copy(blobs / "0", snapshot / "config.json")  # as on a disk where it was edited
    assert words(snapshot) == GOOD


def test_a_model_that_others_can_write_to_loads_from_a_copy(toy: Path) -> None:
    (toy / "w.data").chmod(0o666)
    assert words(toy) == GOOD


MOMENTS: dict[str, tuple[Any, str]] = {
    "before the graph is read": (onnx_folder, "graph_names"),
    "before its names are checked": (onnx_folder, "names_problems"),
    "before the files are handed over": (OpenedFolder, "for_engine"),
    "while they are handed over": (OpenedFolder, "_arranged"),
    "before ONNX Runtime reads them": (onnx_folder.OnnxFolder, "files"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("by", ["renaming", "writing"])
def test_exchanged_at_that_moment_it_is_what_was_scanned_or_refused(
    toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch, moment: str, by: str
) -> None:
    where, name = MOMENTS[moment]
    original: Callable[..., Any] = getattr(where, name)

    def exchanged(*arguments: Any, **options: Any) -> Any:
        if by == "renaming":
            replace_by_links(toy, other)
        else:
            for file in ("encoder-model.onnx", "w.data"):
                shutil.copyfile(other / file, toy / file)
        monkeypatch.setattr(where, name, original)
        return original(*arguments, **options)

    monkeypatch.setattr(where, name, exchanged)
    try:
        found = words(toy)
    except EngineUnavailable:
        return
    assert found == GOOD


def test_no_link_out_is_ever_loaded_by_onnx_runtime(toy: Path, other: Path) -> None:
    outcomes = set()
    with exchanging(toy, other, ("encoder-model.onnx", "w.data")):
        for _ in range(LOADS):
            try:
                outcomes.add(words(toy))
            except EngineUnavailable:
                outcomes.add("refused")
    assert outcomes <= {GOOD, "refused"}
    assert words(toy) == GOOD


@pytest.mark.slow
def test_the_command_never_loads_what_it_did_not_scan(
    toy: Path, other: Path, tmp_path: Path
) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((SAMPLES * 32767).astype(np.int16).tobytes())
    asked = ("--engine", "onnx", "--model", toy, "--no-vad")
    with exchanging(toy, other, ("encoder-model.onnx", "w.data")):
        for _ in range(6):
            done = transcribe(tmp_path, "a.wav", *asked, engine={})
            assert (done.code, done.out.strip().decode()) in [(0, GOOD), (3, "")], done.err


@pytest.mark.slow
def test_no_link_out_is_ever_loaded_by_ctranslate2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The links take the files' place as soon as those were scanned."""
    folder = tmp_path / "tiny"
    shutil.copytree(TINY.prepare().path, folder)
    outside = tmp_path / "outside"
    shutil.copytree(folder, outside)
    text = (outside / "vocabulary.txt").read_text("utf-8").replace("\nthe\n", "\neht\n")
    (outside / "vocabulary.txt").write_text(text, "utf-8")
    read: list[bytes] = []
    original = whisper_folder.loaded_problems

    def scanned(files: OpenedFolder) -> Iterator[Any]:
        yield from original(files)
        for name in ("vocabulary.txt", "model.bin"):  # as soon as it was scanned
            (folder / "new").symlink_to(outside / name)
            (folder / "new").replace(folder / name)

    from parakeet_cli.engines.whisper import encoder

    opened = encoder.open_model

    def opening(files: Any, **options: Any) -> Any:
        read.append((files.path / "vocabulary.txt").read_bytes())
        assert not (files.path / "model.bin").samefile(outside / "model.bin")
        return opened(files, **options)

    monkeypatch.setattr(scan, "loaded_problems", scanned)
    monkeypatch.setattr(encoder, "open_model", opening)
    options = EngineOptions(model=str(folder), device="cpu", threads=1)
    Whisper(options, concurrency=1).load()
    assert b"\neht\n" not in read[0], "it was loaded, and is the one that was scanned"
    monkeypatch.setattr(scan, "loaded_problems", original)
    with pytest.raises(EngineUnavailable, match="outside of the folder"):
        Whisper(options, concurrency=1).load()


@contextmanager
def exchanging(folder: Path, other: Path, names: tuple[str, ...]) -> Iterator[None]:
    """Put links to the other model in the place of the files, and the files in theirs again."""
    stored = folder.parent / "stored"
    shutil.copytree(folder, stored)

    def put(kind: str) -> None:
        for name in names:
            new = folder / "new"
            if kind == "link":
                new.symlink_to(other / name)
            else:
                shutil.copyfile(stored / name, new)
            new.replace(folder / name)

    def exchange(done: Event) -> None:
        for kind in itertools.cycle(("link", "file")):
            if done.wait(0.002):
                put("file")
                return
            put(kind)

    with in_background(exchange):
        yield
