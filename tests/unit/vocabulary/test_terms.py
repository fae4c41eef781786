from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.errors import ConfigError
from parakeet_cli.vocabulary.terms import (
    Term,
    check_entries,
    phrases,
    read_vocabulary,
    split_hotwords,
)


def test_an_entry_is_a_term_or_what_is_heard_and_what_is_written() -> None:
    assert Term.parse("  New   York ") == Term("New York", "New York")
    assert Term.parse("engine x => nginx") == Term("nginx", "engine x")
    assert Term.parse("a=>b") == Term("b", "a")


@pytest.mark.parametrize("entry", ["", "  ", "=>", "a =>", "=> b", "a => b => c", "x" * 201])
def test_an_entry_that_is_no_term_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"must be a term|characters"):
        Term.parse(entry)
    with pytest.raises(ValueError, match="has an entry"):
        check_entries([entry])


def test_a_decoder_expects_what_is_heard_and_what_is_written_each_once() -> None:
    assert phrases(["Zoë", "engine x => nginx", "Zoë"]) == ("Zoë", "engine x", "nginx")


def test_a_file_has_an_entry_in_each_line_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes("\ufeff# names\r\nZoë\r\n\r\n  C#\r\nengine x => nginx\r\nZoë".encode())
    assert read_vocabulary(str(file)) == ("Zoë", "C#", "engine x => nginx")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"good\na => b => c\n", "line 2: it must be a term"),
        (b"good\n\n" + b"x" * 201, "line 3: it has more than 200 characters"),
        (b"a\x00b", "line 1: it has characters that can't be printed"),
        (b"\xff\xfe", "isn't UTF-8"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused_with_its_name_and_line(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"words.txt.*{what}"):
        read_vocabulary(str(file))


def test_a_file_that_is_missing_a_folder_or_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe"):
        with pytest.raises(ConfigError, match="can't be read"):
            read_vocabulary(str(tmp_path / name))


def test_hotwords_are_divided_by_commas() -> None:
    assert split_hotwords("PyTorch, New York,, a => b") == ("PyTorch", "New York", "a => b")
    assert split_hotwords("") == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_what_is_accepted_can_be_parsed(entries: list[str]) -> None:
    try:
        accepted = check_entries(entries)
    except ValueError:
        return
    assert all(phrase.strip() for phrase in phrases(accepted))
