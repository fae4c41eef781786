"""Checks subtitles of random transcripts, with odd words and times too."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.formats import FORMATS, FormatOptions, encode
from parakeet_cli.formats.subtitles.cues import LEAST, cues
from parakeet_cli.formats.subtitles.text_width import clean, width
from parakeet_cli.formats.subtitles.tokens import subtitle_tokens
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


SHAPES = st.builds(
    FormatOptions,
    max_line_width=st.sampled_from([1, 10, 42, 200]),
    max_line_count=st.integers(1, 4),
    max_words_per_line=st.none() | st.integers(1, 5),
    highlight_words=st.booleans(),
    max_cue_seconds=st.sampled_from([1.0, 7.0]),
)


@given(transcripts(), SHAPES)
@settings(deadline=None, max_examples=120)
def test_cues_respect_their_options_and_their_order(
    transcript: Transcript, options: FormatOptions
) -> None:
    clock = 0
    for cue in cues(transcript, options):
        assert cue.start >= clock
        assert round(1000 * LEAST) <= cue.end - cue.start <= round(1000 * options.max_cue_seconds)
        clock = cue.end + round(1000 * options.min_gap)
        assert 1 <= len(cue.lines) <= options.max_line_count
        assert all(line for line in cue.lines)
        alone = len(cue.tokens) == 1
        for line in cue.text.split("\n"):
            assert line.strip()
            assert alone or width(line) <= options.max_line_width
        if options.max_words_per_line is not None:
            assert len({token.word for token in cue.tokens}) <= options.max_words_per_line


@given(transcripts(), SHAPES)
@settings(deadline=None, max_examples=120)
def test_every_word_is_shown_exactly_once_and_in_order(
    transcript: Transcript, options: FormatOptions
) -> None:
    said = ""
    for segment in transcript.segments:
        words = [word.text for word in segment.words]
        said += "".join(words) if any(map(str.strip, words)) else segment.text
    shown = "".join(token.text for cue in cues(transcript, options) for token in cue.tokens)
    assert shown == clean(said).replace(" ", "")


@given(transcripts(), SHAPES)
@settings(deadline=None, max_examples=60)
def test_every_format_renders_anything_to_text_that_can_be_encoded(
    transcript: Transcript, options: FormatOptions
) -> None:
    for row in FORMATS.values():
        assert encode(row.render(transcript, options)).decode() is not None


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_highlighted_cues_follow_each_other_without_overlap(transcript: Transcript) -> None:
    vtt = FORMATS["vtt"].render(transcript, FormatOptions(highlight_words=True))
    clock = ""
    for line in vtt.split("\n"):
        if " --> " in line:
            start, end = line.split(" --> ")
            assert clock <= start < end
            clock = end


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_tokens_never_go_backwards(transcript: Transcript) -> None:
    clock = 0.0
    for token in subtitle_tokens(transcript.segments):
        assert clock <= token.start <= token.end
        clock = token.start
