"""Tests that language tags are taken out of tokens and texts, and nothing else."""

from __future__ import annotations

import pytest

from parakeet_cli.engines.nemo.language_tags import split_tags, without_tags
from parakeet_cli.engines.parakeet_tokens import Token, tokens_to_words


def tokens(*pieces: str) -> list[Token]:
    return [Token(piece, number, number + 1, 0.5) for number, piece in enumerate(pieces)]


@pytest.mark.parametrize(
    ("pieces", "words", "language"),
    [
        (("▁Guten", "▁Tag", "."), ["Guten", "Tag."], None),
        (("▁Guten", "▁Tag", ".", "<de-DE>"), ["Guten", "Tag."], "de"),
        (("▁Guten", "▁Tag", ".", "▁<de-DE>"), ["Guten", "Tag."], "de"),
        (("▁Tag", ".", "▁<", "de", "-", "DE", ">"), ["Tag."], "de"),
        (("▁Tag", ".", "<de-DE>", "▁Good", "▁day", "<en-US>"), ["Tag.", "Good", "day"], "en"),
        (("<de-DE>",), [], "de"),
        (("▁a", "<b>", "▁<", "c"), ["a<b>", "<c"], None),
    ],
)
def test_tags_are_no_words(pieces: tuple[str, ...], words: list[str], language: str | None) -> None:
    kept, found = split_tags(tokens(*pieces))
    assert [word.text for word in tokens_to_words(kept)] == words
    assert found == language


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Guten Tag. <de-DE>", "Guten Tag."),
        ("Guten Tag.<de-DE> Good day", "Guten Tag. Good day"),
        ("Guten Tag. <de-", "Guten Tag."),
        ("2 < 3 and 4", "2 < 3 and 4"),
        ("", ""),
    ],
)
def test_a_partial_text_has_no_tag_nor_the_beginning_of_one(text: str, shown: str) -> None:
    assert without_tags(text) == shown
