from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from parakeet_cli.engines.whisper.model import ModelFolder, find_folder
from parakeet_cli.errors import EngineUnavailable, UsageError


def folder(path: Path, **contents: bytes) -> ModelFolder:
    path.mkdir()
    for name, content in contents.items():
        (path / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return ModelFolder("tiny.en", path, sums)


def test_a_model_passes_by_its_checksums_and_any_change_is_refused(tmp_path: Path) -> None:
    model = folder(tmp_path / "m", model=b"weights" * 1000, vocabulary=b"words")
    model.check()
    (model.path / "model").write_bytes(b"weights" * 999 + b"Weights")
    with pytest.raises(EngineUnavailable, match="was changed"):
        model.check()
    (model.path / "model").unlink()
    with pytest.raises(EngineUnavailable, match="is missing"):
        model.check()


def test_a_folder_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
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
