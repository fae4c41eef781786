"""Takes out of a transcript the language tags that a multilingual model writes, `<en-US>`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from parakeet_cli.engines.parakeet_tokens import MARK, Token

_TAG = re.compile(r"<([a-z]{2,3})-[A-Z]{2}>")  # as NeMo's own `strip_lang_tags` finds it
_TAG_IN_TEXT = re.compile(rf"\s*(?:{_TAG.pattern}|<[A-Za-z-]*$)")  # or the beginning of one


def split_tags(tokens: Iterable[Token]) -> tuple[list[Token], str | None]:
    """The tokens without tags, and the language of the last tag; a tag may be several pieces."""
    given = list(tokens)
    tags = list(_TAG.finditer("".join(token.piece for token in given)))
    if not tags:
        return given, None
    inside = {place for tag in tags for place in range(tag.start(), tag.end())}
    kept = []
    begin = 0
    for token in given:
        end = begin + len(token.piece)
        left = "".join(
            char for place, char in zip(range(begin, end), token.piece, strict=True)
            if place not in inside
        )  # fmt: skip
        if left == token.piece or left.strip(MARK):
            kept.append(replace(token, piece=left))
        begin = end
    return kept, tags[-1][1]


def without_tags(text: str) -> str:
    """The text without tags, and without the beginning of one at its end."""
    return _TAG_IN_TEXT.sub("", text).strip()
