from __future__ import annotations

from parakeet_cli.dictate.sinks.typed.macos import utf16_pieces


def test_text_is_sent_in_pieces_that_cut_no_character() -> None:
    pieces = utf16_pieces("ab🦜c", 3)
    assert [piece.decode("utf-16-le") for piece in pieces] == ["ab", "🦜c"]
    assert utf16_pieces("", 3) == []
