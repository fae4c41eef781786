from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import Sink, make_sink
from parakeet_cli.errors import SinkError, SinkUnavailable


def opened(path: Path) -> Sink:
    sink = make_sink(f"file:{path}")
    sink.open()
    return sink


def test_text_is_appended_and_the_old_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Before.\n", encoding="utf-8")
    sink = opened(path)
    sink.insert("Grüße,")
    sink.insert(" 🦜.")
    assert path.read_text(encoding="utf-8") == "Before.\nGrüße,\n🦜.\n"


def test_undo_removes_one_utterance_after_the_other_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Before.\n", encoding="utf-8")
    sink = opened(path)
    sink.insert("One.")
    sink.insert(" Two.")
    sink.undo(" Two.")
    assert path.read_text(encoding="utf-8") == "Before.\nOne.\n"
    sink.undo("One.")
    with pytest.raises(SinkError, match="no text of this dictation"):
        sink.undo("Before.")
    assert path.read_text(encoding="utf-8") == "Before.\n"


@pytest.mark.parametrize("theirs", ["Theirs.\n", ""], ids=["appended", "edited in place"])
def test_undo_is_refused_if_another_program_changed_the_file(tmp_path: Path, theirs: str) -> None:
    path = tmp_path / "notes.txt"
    sink = opened(path)
    sink.insert("Mine.")
    with open(path, "r+" if not theirs else "a", encoding="utf-8") as other:
        other.write(theirs or "Ours")
    there = path.read_bytes()
    with pytest.raises(SinkError, match="changed by another program"):
        sink.undo("Mine.")
    assert path.read_bytes() == there


def test_an_insertion_after_another_program_s_can_be_undone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    sink = opened(path)
    sink.insert("Mine.")
    with open(path, "a", encoding="utf-8") as other:
        other.write("Theirs.\n")
    sink.insert("Mine again.")
    sink.undo("Mine again.")
    assert path.read_text(encoding="utf-8") == "Mine.\nTheirs.\n"
    with pytest.raises(SinkError, match="changed by another program"):
        sink.undo("Mine.")


@pytest.mark.parametrize("gone", ["renamed", "replaced", "deleted"])
def test_a_file_that_was_renamed_or_deleted_is_opened_again(tmp_path: Path, gone: str) -> None:
    path, aside = tmp_path / "notes.txt", tmp_path / "aside.txt"
    sink = opened(path)
    sink.insert("Old.")
    if gone == "deleted":
        path.unlink()
    else:
        path.rename(aside)
    if gone == "replaced":
        path.write_text("Saved.\n", encoding="utf-8")
    with pytest.raises(SinkError, match="no text of this dictation"):
        sink.undo("Old.")
    sink.insert("New.")
    expected = "Saved.\nNew.\n" if gone == "replaced" else "New.\n"
    assert path.read_text(encoding="utf-8") == expected
    if gone != "deleted":
        assert aside.read_text(encoding="utf-8") == "Old.\n"


def test_folders_pipes_and_missing_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none/notes.txt"):
        with pytest.raises(SinkUnavailable) as refused:
            opened(path)
        assert str(path) in str(refused.value)
        assert refused.value.hint


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sink = make_sink("file:~/notes.txt")
    sink.open()
    sink.insert("Here.")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "Here.\n"
