"""Makes random transcripts, with odd words and times too."""

from __future__ import annotations

from hypothesis import strategies as st

from parakeet_cli.formats import FormatOptions
from parakeet_cli.transcript import Accounting, EngineInfo, Segment, Source, Transcript, Word

SPOKEN = [
    "a",
    "the",
    "and",
    "Oh,",
    "walk;",
    "Mr.",
    "Elliot",
    "end.",
    "Why?",
    "don",
    "'t",
    "-->",
    "<b>",
]
WORDS = st.sampled_from(
    [*SPOKEN, "extraordinarily", "x" * 60, "今天", "，", "ไทย", "👩‍🚀", "é"]
) | st.text(max_size=12)
TIMES = st.floats(-5, 200) | st.sampled_from([0.0, float("nan"), float("inf")])


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """Segments mostly in order, as engines return them, and sometimes not, as after a bug."""
    texts = draw(st.lists(WORDS, max_size=30))
    text = draw(st.sampled_from([" ", ""])).join(texts)
    if draw(st.booleans()):
        return Segment(draw(TIMES), draw(TIMES), text)
    at = draw(st.floats(0, 100))
    words = []
    for said in texts:
        start = at + draw(st.sampled_from([0.0, 0.0, 0.1, 0.7, 4.0, -0.3]))
        at = start + draw(st.sampled_from([0.0, 0.05, 0.3, 0.6, 9.0]))
        words.append(Word(start, at, said, 0.5))
    return Segment(words[0].start if words else 0.0, at, text, tuple(words))


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    return Transcript(
        Source("clip.wav", draw(st.none() | st.floats(0, 300)), 16_000, 1),
        Accounting(),
        EngineInfo("mock", "none", "cpu", "0"),
        draw(st.sampled_from(["en", "zh", "xx", None])),
        tuple(draw(st.lists(segments(), max_size=4))),
    )


OPTIONS = st.builds(
    FormatOptions,
    max_line_width=st.sampled_from([1, 10, 42, 200]),
    max_line_count=st.integers(1, 4),
    max_words_per_line=st.none() | st.integers(1, 5),
    highlight_words=st.booleans(),
    max_cue_seconds=st.sampled_from([1.0, 7.0]),
)
