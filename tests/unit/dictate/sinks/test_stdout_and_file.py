from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import Sink, make_sink
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.errors import SinkError, SinkUnavailable


def opened(path: Path) -> Sink:
    sink = make_sink(f"file:{path}")
    sink.open()
    return sink


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Good morning.", "Good morning.\n"),
        (" And good night.", "And good night.\n"),
        ("\nA new line.", "A new line.\n"),
        ("\n\nA new paragraph.", "\nA new paragraph.\n"),
        ("\n", ""),  # the line had ended already
        ("\n\n", "\n"),
        ("  ", ""),
        ("Ended.\n", "Ended.\n"),
    ],
)
def test_each_utterance_is_a_line_and_a_paragraph_an_empty_one(text: str, line: str) -> None:
    assert as_lines(text) == line


def test_stdout_has_a_line_an_utterance(capsys: pytest.CaptureFixture[str]) -> None:
    sink = make_sink("stdout")
    sink.open()
    sink.insert("Schöne Grüße,")
    sink.insert(" 5 € für 🦜.")
    with pytest.raises(SinkError, match="taken back"):
        sink.undo(" 5 € für 🦜.")
    assert capsys.readouterr().out == "Schöne Grüße,\n5 € für 🦜.\n"


def test_a_file_is_added_to_and_what_was_in_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Before.\n", encoding="utf-8")
    sink = opened(path)
    sink.insert("Grüße,")
    sink.insert(" 🦜.")
    assert path.read_text(encoding="utf-8") == "Before.\nGrüße,\n🦜.\n"


def test_undo_takes_back_one_utterance_after_the_other_and_no_more(tmp_path: Path) -> None:
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
def test_undo_is_refused_where_somebody_else_wrote_since(tmp_path: Path, theirs: str) -> None:
    path = tmp_path / "notes.txt"
    sink = opened(path)
    sink.insert("Mine.")
    with open(path, "r+" if not theirs else "a", encoding="utf-8") as other:
        other.write(theirs or "Ours")
    there = path.read_bytes()
    with pytest.raises(SinkError, match="something else"):
        sink.undo("Mine.")
    assert path.read_bytes() == there


def test_an_insertion_behind_somebody_else_s_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    sink = opened(path)
    sink.insert("Mine.")
    with open(path, "a", encoding="utf-8") as other:
        other.write("Theirs.\n")
    sink.insert("Mine again.")
    sink.undo("Mine again.")
    assert path.read_text(encoding="utf-8") == "Mine.\nTheirs.\n"
    with pytest.raises(SinkError, match="something else"):
        sink.undo("Mine.")


@pytest.mark.parametrize("gone", ["renamed", "replaced", "deleted"])
def test_a_file_that_was_put_aside_is_opened_anew(tmp_path: Path, gone: str) -> None:
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


def test_a_folder_a_pipe_and_a_place_that_is_not_there_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none/notes.txt"):
        with pytest.raises(SinkUnavailable) as refused:
            opened(path)
        assert str(path) in str(refused.value)
        assert refused.value.hint


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sink = make_sink("file:~/notes.txt")
    sink.open()
    sink.insert("Here.")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "Here.\n"
