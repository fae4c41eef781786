"""Folders of CTranslate2."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import opened_whisper
from tests.model_files import problems

SPEC = struct.pack("<IH", 6, 12) + b"WhisperSpec\0" + struct.pack("<I", 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "whisper"
    made.mkdir()
    (made / "model.bin").write_bytes(SPEC + bytes(40))
    (made / "config.json").write_text("{}")
    (made / "tokenizer.json").write_text("{}")
    (made / "vocabulary.txt").write_text("a\nb\n")
    return made


def test_a_whisper_model_passes(folder: Path) -> None:
    assert problems(folder) == ""


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("model.bin", b"\x80\x02cos\nsystem\n.", "whatever its name says"),
        ("model.bin", b"PK\x03\x04" + bytes(60), "whatever its name says"),
        ("model.bin", b"", "whatever its name says"),
        ("config.json", b"\x80\x02cos\nsystem\n.", "isn't what its name says"),
        ("tokenizer.json", b"[" * 100_000, "isn't what its name says"),
        ("hook.py", b"", "could be code"),
        ("libop.so", b"", "could be code"),
    ],
)
def test_anything_else_is_refused(folder: Path, name: str, content: bytes, word: str) -> None:
    (folder / name).write_bytes(content)
    assert word in problems(folder)


def test_links_out_of_the_folder_are_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").symlink_to("/etc/passwd")
    assert "outside of the folder" in problems(folder)


def test_the_engine_refuses_what_it_would_read_and_nothing_else(folder: Path) -> None:
    (folder / "convert.py").write_text("pass")
    with opened_whisper(folder) as place:
        assert sorted(one.name for one in place.iterdir()) == sorted(
            ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]
        )
    (folder / "model.bin").write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(EngineUnavailable, match="was not loaded"), opened_whisper(folder):
        pass
    with (
        pytest.raises(EngineUnavailable, match="can't be read"),
        opened_whisper(folder / "missing"),
    ):
        pass
