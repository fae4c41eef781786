from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.mock import Mock
from parakeet_cli.engines.registry import ENGINES, choose, engine_names, make_engine
from parakeet_cli.engines.whisper.model import ModelFolder, find_folder
from parakeet_cli.errors import ConfigError, EngineUnavailable, UsageError


def test_auto_comes_first_and_every_engine_can_be_named() -> None:
    assert engine_names() == ("auto", *ENGINES)
    assert {"whisper", "mock", "nemo", "onnx"} <= set(ENGINES)


def test_auto_says_what_it_took_and_why() -> None:
    choice = choose("auto", "default", EngineOptions())
    assert choice.name in ENGINES
    assert choice.reason.startswith("auto: ")


@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_asked_for_by_name_is_that_one(name: str) -> None:
    choice = choose(name, "--engine", EngineOptions())
    assert (choice.name, choice.reason) == (name, "--engine")


def test_an_unknown_engine_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'nonsense'") as refused:
        choose("nonsense", "PARAKEET_ENGINE", EngineOptions())
    assert "PARAKEET_ENGINE" in str(refused.value)
    assert all(name in (refused.value.hint or "") for name in engine_names())


def chunk(source: str, *, start: float = 0.0, last: bool = True) -> Chunk:
    return Chunk(np.zeros(32_000, np.float32), (Piece(0.0, start),), source, last=last)


def mock() -> Mock:
    return Mock(EngineOptions(language="en"), concurrency=2)


def test_the_mock_says_how_long_the_sound_was() -> None:
    engine = make_engine("mock", EngineOptions(), concurrency=1)
    engine.load()
    (segment,) = engine.transcribe(chunk("a.wav", start=10.0)).segments
    assert segment.text == "This is a mock transcript of 12.00 seconds of audio."
    assert segment.end == pytest.approx(12.0)


def test_the_mock_reads_the_text_beside_the_sound(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("Größe \N{PARROT}\nmatters", encoding="utf-8")
    heard = mock().transcribe(chunk(str(tmp_path / "clip.wav")))
    (segment,) = heard.segments
    assert segment.text == "Größe \N{PARROT} matters"
    lengths = [word.end - word.start for word in segment.words]
    assert lengths == pytest.approx([2.0 / 3] * 3)
    assert heard.language == "en"


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_beside_it_is_silence(tmp_path: Path, text: str) -> None:
    (tmp_path / "clip.txt").write_text(text, encoding="utf-8")
    assert mock().transcribe(chunk(str(tmp_path / "clip.wav"))).segments == ()


@pytest.mark.parametrize("source", ["-", "", "..", "/", "a" * 5000 + ".wav", "\udcff.wav"])
def test_the_mock_takes_any_name(source: str) -> None:
    assert mock().transcribe(chunk(source)).segments[0].text.startswith("This is a mock")


def test_only_the_last_chunk_of_a_file_has_the_mock_s_text() -> None:
    assert mock().transcribe(chunk("a.wav", last=False)).segments == ()


@pytest.mark.parametrize("factor", ["fast", "-1", "nan", "inf", "1e9"])
def test_a_factor_that_is_no_share_is_refused(monkeypatch: pytest.MonkeyPatch, factor: str) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", factor)
    with pytest.raises(ConfigError, match="PARAKEET_MOCK_RTF"):
        mock()


def folder(path: Path, **contents: bytes) -> ModelFolder:
    path.mkdir()
    for name, content in contents.items():
        (path / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return ModelFolder("tiny.en", path, sums)


def test_a_model_with_its_sums_is_taken_and_any_change_is_not(tmp_path: Path) -> None:
    model = folder(tmp_path / "m", model=b"weights" * 1000, vocabulary=b"words")
    model.check()
    (model.path / "model").write_bytes(b"weights" * 999 + b"Weights")
    with pytest.raises(EngineUnavailable, match="was changed"):
        model.check()
    (model.path / "model").unlink()
    with pytest.raises(EngineUnavailable, match="is missing"):
        model.check()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for name, match in ((str(tmp_path), "has no"), (str(tmp_path / "none"), "not a folder")):
        with pytest.raises(EngineUnavailable, match=match):
            find_folder(name, offline=True)
    (tmp_path / "model.bin").touch()
    (tmp_path / "config.json").touch()
    assert find_folder(str(tmp_path), offline=True).path == tmp_path


def test_an_english_model_takes_english_only(tmp_path: Path) -> None:
    english = ModelFolder("small.en", tmp_path)
    english.refuse_language(None)
    english.refuse_language("en")
    with pytest.raises(UsageError, match="English only"):
        english.refuse_language("de")
    ModelFolder("small", tmp_path).refuse_language("de")
