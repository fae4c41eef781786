"""The engine onnx as a command: what it refuses, and that nothing hostile is loaded."""

from __future__ import annotations

import json
import os
import shutil
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.integration.transcribe.command import CLIP, Done, clip, transcribe
from tests.media_files import RECIPES, write_media
from tests.toy_parakeet import FRAME, Head, external, tune, write_toy

WORDS = ("do", "remi", "fa", "do")
LENGTH, PAUSE = 0.4, 0.5  # seconds of a tone, and before each


@pytest.fixture
def melody(tmp_path: Path) -> Path:
    sound = tune(*((word, LENGTH) for word in WORDS), pause=PAUSE)
    with wave.open(str(tmp_path / "melody.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype(np.int16).tobytes())
    return tmp_path / "melody.wav"


def transcribe_with(file: Path, model: Path, *more: str, **env: str) -> Done:
    asked: tuple[str | Path, ...] = ("--engine", "onnx", "--model", model, "--no-vad", *more)
    return transcribe(file.parent, file, *asked, engine={}, env=env, limit=120)


@pytest.mark.parametrize("head", ["tdt", "rnnt", "ctc"])
def test_each_head_gives_words_where_they_are(tmp_path: Path, melody: Path, head: Head) -> None:
    done = transcribe_with(melody, write_toy(tmp_path / head, head), "-f", "json", "-o", "-")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["engine"] == {
        **found["engine"], "name": "onnx", "model": head, "device": "cpu",
    }  # fmt: skip
    words = [word for segment in found["segments"] for word in segment["words"]]
    # A CTC head decides each frame for itself: it has no second piece after the first.
    expected = [word if head != "ctc" else word.replace("remi", "re") for word in WORDS]
    assert [word["word"] for word in words] == expected
    for number, word in enumerate(words):
        start = PAUSE + number * (LENGTH + PAUSE)
        assert abs(word["start"] - start) <= FRAME
        assert word["start"] < word["end"] <= start + LENGTH + FRAME
        assert 0.5 < word["confidence"] <= 1


def test_int8_files_are_enough(tmp_path: Path, melody: Path) -> None:
    model = write_toy(tmp_path / "toy", precision=".int8")
    done = transcribe_with(melody, model)
    assert (done.code, done.out) == (0, b"do remi fa do\n"), done.err
    assert "Engine: onnx toy on cpu (--engine)." in done.err


def test_auto_takes_the_engine_of_the_model(tmp_path: Path, melody: Path) -> None:
    model = write_toy(tmp_path / "toy")
    asked = ("--model", model, "--no-vad")
    done = transcribe(tmp_path, melody, *asked, engine={})
    assert (done.code, done.out) == (0, b"do remi fa do\n"), done.err
    assert "auto: the model is a folder of ONNX files" in done.err


def test_weights_beside_the_graph_are_read(tmp_path: Path, melody: Path) -> None:
    model = write_toy(tmp_path / "toy")
    external(model / "encoder-model.onnx", "weights.bin")
    done = transcribe_with(melody, model)
    assert (done.code, done.out) == (0, b"do remi fa do\n"), done.err


@pytest.mark.parametrize("location", ["../weights.bin", "ABSOLUTE", "link", "*/_ORT_MEM_ADDR_/*"])
def test_a_graph_that_reaches_out_of_its_folder_is_not_loaded(
    tmp_path: Path, melody: Path, location: str
) -> None:
    model = write_toy(tmp_path / "toy")
    external(model / "encoder-model.onnx", location.replace("ABSOLUTE", str(tmp_path / "w")))
    (model / "weights.bin").rename(tmp_path / "weights.bin")
    shutil.copy(tmp_path / "weights.bin", tmp_path / "w")
    (model / "link").symlink_to(tmp_path / "w")
    done = transcribe_with(melody, model)
    assert (done.code, done.out) == (3, b""), done.err
    assert "It was not loaded" in done.err
    assert "encoder-model.onnx takes weights from" in done.err


def test_unknown_operators_are_refused(tmp_path: Path, melody: Path) -> None:
    import onnx

    model = write_toy(tmp_path / "toy")
    path = model / "encoder-model.onnx"
    graph = onnx.load(str(path))
    graph.graph.node[0].domain = "someone.else"
    graph.opset_import.append(onnx.helper.make_opsetid("someone.else", 1))
    path.write_bytes(graph.SerializeToString())
    done = transcribe_with(melody, model)
    assert (done.code, done.out) == (3, b""), done.err
    assert "someone.else" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("broken", ["swapped", "cut", "text", "mels"])
def test_graphs_that_are_others_are_refused(tmp_path: Path, melody: Path, broken: str) -> None:
    model = write_toy(tmp_path / "toy")
    encoder, decoder = model / "encoder-model.onnx", model / "decoder_joint-model.onnx"
    if broken == "swapped":
        shutil.copy(decoder, encoder)
    elif broken == "cut":
        encoder.write_bytes(encoder.read_bytes()[:-100])
    elif broken == "text":
        encoder.write_text("version https://git-lfs.github.com/spec/v1\n")
    else:
        config = json.loads((model / "config.json").read_text()) | {"features_size": 128}
        (model / "config.json").write_text(json.dumps(config))
    done = transcribe_with(melody, model)
    assert (done.code, done.out) == (3, b""), done.err
    assert "encoder-model.onnx" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (("--language", "en"), 2, "doesn't accept a language"),
        (("--device", "cuda"), 3, "onnxruntime-gpu"),
        (("--device", "cuda:1"), 3, "cuda:1 was asked for"),
    ],
)
def test_what_it_can_t_honour_is_refused(
    tmp_path: Path, melody: Path, asked: tuple[str, ...], code: int, message: str
) -> None:
    done = transcribe_with(melody, write_toy(tmp_path / "toy"), *asked, CUDA_VISIBLE_DEVICES="")
    assert (done.code, done.out) == (code, b""), done.err
    assert message in done.err


def test_without_its_packages_the_command_to_install_them_is_named(tmp_path: Path) -> None:
    """The package is hidden by a sitecustomize, as if it had never been installed."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['onnx_asr'] = None")
    clip(tmp_path / "a.wav")
    asked = ("--engine", "onnx", "--model", write_toy(tmp_path / "toy"))
    env = {"PYTHONPATH": str(hidden)}
    done = transcribe(tmp_path, "a.wav", *asked, engine=env)
    assert (done.code, done.out) == (3, b""), done.err
    assert "onnx-asr" in done.err
    assert f"{sys.executable} -m pip install 'onnx-asr<0.13,>=0.12'" in done.err


def test_without_a_network_a_model_that_is_not_here_is_refused(tmp_path: Path) -> None:
    env = {"HF_HUB_CACHE": str(tmp_path / "hub")}
    asked = ("--engine", "onnx", "--offline")
    done = transcribe(tmp_path, CLIP, *asked, engine=env)
    assert (done.code, done.out) == (3, b""), done.err
    assert "--offline" in done.err


def test_hardly_any_sound_gives_no_words(tmp_path: Path) -> None:
    model = write_toy(tmp_path / "toy")
    wav = RECIPES["wav"]
    for name, seconds in (("none", 0.0), ("short", 0.01)):
        path = tmp_path / f"{name}.wav"
        if seconds:
            write_media(path, np.zeros(int(44_100 * seconds), np.float32), wav)
        else:
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
        done = transcribe_with(path, model)
        assert (done.code, done.out.strip()) == (0, b""), (name, done.err)


@pytest.mark.gpu
def test_on_a_gpu_it_transcribes_the_same(tmp_path: Path, melody: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime is built without CUDA")
    if not any(Path("/dev").glob("nvidia[0-9]")) or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        pytest.skip("there is no GPU")
    model = write_toy(tmp_path / "toy")
    on_gpu = transcribe_with(melody, model, "--device", "cuda")
    assert on_gpu.code == 0, on_gpu.err
    assert "on cuda" in on_gpu.err
    assert on_gpu.out == transcribe_with(melody, model, "--device", "cpu").out
