from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FORMATS, FormatOptions, encode


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: FormatOptions(max_line_width=0), "--max-line-width"),
        (lambda: FormatOptions(max_line_count=0), "--max-line-count"),
        (lambda: FormatOptions(max_words_per_line=-1), "--max-words-per-line"),
        (lambda: FormatOptions(max_cue_seconds=0.4), "longest cue"),
        (lambda: FormatOptions(min_cue_seconds=8.0), "shortest cue"),
        (lambda: FormatOptions(min_cue_seconds=-0.1), "shortest cue"),
        (lambda: FormatOptions(min_gap=1.1), "gap"),
    ],
)
def test_options_that_leave_no_room_for_text_are_refused(
    make: Callable[[], FormatOptions], option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        make()


def test_a_format_without_audio_collects_none() -> None:
    assert FORMATS["txt"].collector(None, Path("a.txt"), FormatOptions()) is None


def test_half_of_a_character_is_escaped_and_everything_else_is_utf_8() -> None:
    assert encode("Größe 🦜") == "Größe 🦜".encode()
    assert encode("caf\udce9") == b"caf\\udce9"
