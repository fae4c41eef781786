"""The models that the engine nemo accepts, and those that it refuses."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.engines.nemo.process import NemoProcess
from parakeet_cli.engines.nemo.worker.decoding import join_pieces as text_of
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import scan_model
from tests.integration.transcribe.command import environment, transcribe
from tests.integration.transcribe.nemo_clips import (
    MODELS,
    TDT,
    Clip,
    clips,
)
from tests.integration.transcribe.nemo_engine import (
    LIMIT,
    settings,
    texts,
    words_of,
    write,
)
from tests.integration.transcribe.words import errors
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow


def test_every_head_transcribes_as_nemo_itself_does(
    python: str, stack: str, tmp_path: Path
) -> None:
    """Other vocabularies, mels, heads and encoders: NeMo's own text, to the letter.

    `tdt_ctc`, `nemotron`, `unified` and `nemotron-3.5` are made like the published models.
    """
    clip = SAMPLES / "sense_0880.wav"
    script = Path(__file__).with_name("nemo_models.py")
    subprocess.run(
        [python, "-B", str(script), str(tmp_path), str(clip)], check=True, capture_output=True,
        env=environment(tmp_path), timeout=LIMIT,
    )  # fmt: skip
    expected = json.loads((tmp_path / "texts.json").read_text())
    sound = Clip(clip, ()).sound()
    names = {"rnnt", "ctc", "hybrid", "tdt-128", "tdt_ctc", "nemotron"}
    newest = {"unified", "nemotron-3.5"} if stack == "verified-3" else set()
    assert set(expected) == names | newest
    worker = NemoProcess(python)
    try:
        for name, text in expected.items():
            model = tmp_path / f"{name}.nemo"
            assert scan_model(model) == ()
            loaded = worker.request("load", model={"path": str(model), "device": "cpu"})
            for way in loaded["ways"]:  # a short clip fits one window
                found = worker.request("transcribe", sound, way=way)
                assert text_of(found["pieces"]).split() == text.split(), (name, way)
            assert text.strip()
            assert len(found["frames"]) == len(found["probabilities"]) == len(found["pieces"])
            assert all(0 <= sure <= 1 for sure in found["probabilities"])
    finally:
        worker.close()


def test_the_small_parakeet_s_ctc_variant_transcribes_too(python: str) -> None:
    options = EngineOptions(
        model=str(MODELS / "small-parakeet-ctc.nemo"), device="cpu", threads=1, ml_python=python
    )
    engine = Nemo(options, concurrency=1)
    engine.load()
    try:
        chosen = clips()
        wrong = sum(
            errors(clip.reference, texts(words_of(engine, clip.sound()))) for clip in chosen
        )
        assert wrong / sum(len(clip.reference) for clip in chosen) < 0.15
    finally:
        engine.close()


class Canary:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """The good model with a pickle in the place of its weights, and what that would make."""
    canary, folder, model = tmp_path / "canary", tmp_path / "unpacked", tmp_path / "model.nemo"
    with tarfile.open(TDT) as archive:
        archive.extractall(folder)  # our own; before Python 3.11.4 there is no filter
    (weights,) = folder.rglob("model_weights.ckpt")
    weights.write_bytes(pickle.dumps({"weights": Canary(canary)}))
    with tarfile.open(model, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder))
    return model, canary


def test_a_model_that_would_run_code_is_refused_before_it_does(
    python: str, tmp_path: Path, hostile: tuple[Path, Path]
) -> None:
    model, canary = hostile
    write(tmp_path / "a.wav", clips()[0].sound())
    asked = {**settings(python), "PARAKEET_MODEL": str(model)}
    done = transcribe(tmp_path, "a.wav", engine=asked, limit=LIMIT)
    assert (done.code, done.out) == (3, b""), done.err
    assert "could run code" in done.err
    assert not canary.exists()


def test_the_worker_itself_loads_weights_only(
    python: str, stack: str, hostile: tuple[Path, Path]
) -> None:
    """What the scan would let through: NeMo 2.4 by itself runs it, 3.0 and ours do not."""
    model, canary = hostile
    worker = NemoProcess(python)
    try:
        wanted = {"path": str(model), "device": "cpu"}
        for trusted in (True, False):  # the first shows that the pickle is what it says
            with pytest.raises(EngineUnavailable):
                worker.request("load", model={**wanted, "trusted": trusted})
            assert canary.exists() is (trusted and stack == "verified")
            if canary.exists():
                canary.rmdir()
    finally:
        worker.close()
