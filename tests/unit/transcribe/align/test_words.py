from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.align.words import given_words, read_text, recognised_words
from parakeet_cli.transcript import Segment, Word


def test_words_keep_their_punctuation_and_know_their_line() -> None:
    words = list(given_words('"Well," he said —\n\nno…\n'))
    assert [(word.text, word.bare, word.line) for word in words] == [
        ('"Well,"', "well", 0),
        ("he", "he", 0),
        ("said —", "said", 0),
        ("no…", "no", 2),
    ]


def test_punctuation_before_the_first_word_of_a_line_belongs_to_it() -> None:
    assert [word.text for word in given_words("- Yes.\n– No.")] == ["- Yes.", "– No."]


def test_scripts_without_spaces_are_compared_by_their_letters() -> None:
    words = list(given_words("它很好 ok。"))
    assert [(word.text, word.spaced) for word in words] == [
        ("它", True),
        ("很", False),
        ("好", False),
        ("ok。", True),
    ]
    found = list(recognised_words([Segment(0, 3, "它很好", (Word(0.0, 3.0, "它很好"),))]))
    assert [(word.text, word.start, word.end) for word in found] == [
        ("它", 0.0, 1.0),
        ("很", 1.0, 2.0),
        ("好", 2.0, 3.0),
    ]


def test_a_segment_without_words_is_divided() -> None:
    found = list(recognised_words([Segment(0, 2, "Good — day")]))
    assert [word.text for word in found] == ["Good", "day"]


@pytest.mark.parametrize("content", [b"", b"\n--\n", b"\xff\xfe\x00"])
def test_a_file_without_a_word_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="--align"):
        read_text(str(path))


def test_a_missing_file_is_refused_and_a_byte_order_mark_ignored(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_text(str(tmp_path / "none.txt"))
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbfYes.")
    assert read_text(str(tmp_path / "text.txt")).text == "Yes."


def test_a_text_that_cannot_be_used_is_refused_with_what_it_has_to_be(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
    empty.touch()
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (empty, binary, tmp_path / "none.txt", tmp_path):
        with pytest.raises(UsageError) as refused:
            read_text(str(path))
        assert "a text file in UTF-8" in (refused.value.hint or "")
