from __future__ import annotations

import pytest

from parakeet_cli.formats import FORMATS
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import make


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a --> b", "a --&gt; b"),
        ("x < y & z", "x &lt; y &amp; z"),
        ("<i>loud</i>", "&lt;i&gt;loud&lt;/i&gt;"),
    ],
)
def test_markup_is_escaped(said: str, shown: str) -> None:
    vtt = FORMATS["vtt"].render(make(Segment(0.0, 3.0, said)))
    assert vtt == f"WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n{shown}\n\n"


def test_a_transcript_without_speech_has_the_header_alone() -> None:
    assert FORMATS["vtt"].render(make()) == "WEBVTT\n\n"
