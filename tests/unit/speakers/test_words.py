"""Words get their speakers, and the text as a whole stays as it was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.speakers.words import with_speakers
from parakeet_cli.transcript import Accounting, EngineInfo, Segment, Source, Transcript, Word

INFO = EngineInfo("mock", "mock", "cpu", "1")


def text_of(segments: Sequence[Segment]) -> str:
    return Transcript(Source("a"), Accounting(), INFO, None, tuple(segments)).text


def segment(text: str, *words: str) -> Segment:
    said = tuple(Word(float(at), at + 0.5, word) for at, word in enumerate(words))
    return Segment(0.0, said[-1].end if said else 1.0, text, said)


def spoken(segments: Sequence[Segment], names: str) -> list[tuple[str | None, str]]:
    made = with_speakers(segments, lambda words: list(names))
    assert text_of(made) == text_of(segments)
    return [(one.speaker, one.text) for one in made]


def test_a_segment_is_divided_where_the_speaker_changes() -> None:
    found = spoken([segment(" Are you there? Yes.", "Are", "you", "there?", "Yes.")], "AAAB")
    assert found == [("A", " Are you there?"), ("B", "Yes.")]


def test_a_turn_of_one_word_stays() -> None:
    found = spoken([segment("one two three", "one", "two", "three")], "ABA")
    assert found == [("A", "one"), ("B", "two"), ("A", "three")]


def test_a_script_without_spaces_gets_none() -> None:
    found = spoken([segment("你好再见", "你好", "再见")], "AB")
    assert found == [("A", "你好"), ("B", "再见")]


def test_a_segment_without_words_has_one_speaker() -> None:
    assert spoken([segment("no times here")], "A") == [("A", "no times here")]


@pytest.mark.parametrize("between", ["  ", "\n", " — "])
def test_what_else_is_between_two_words_stays_in_the_text(between: str) -> None:
    found = spoken([segment(f"one{between}two", "one", "two")], "AB")
    assert "".join(text for _, text in found).replace(" ", "") == f"one{between}two".replace(
        " ", ""
    )


def test_times_of_the_parts_are_those_of_their_words() -> None:
    one, other = with_speakers([segment("a b", "a", "b")], lambda words: ["A", "B"])
    assert (one.start, one.end, other.start, other.end) == (0.0, 0.5, 1.0, 1.5)
    assert [word.speaker for word in (*one.words, *other.words)] == ["A", "B"]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b.", "你", "aa", "-", "é"]), min_size=1, max_size=6),
            st.sampled_from([" ", "", "  ", "\n"]),
        ),
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
def test_the_text_is_the_same_whoever_speaks(
    given_segments: list[tuple[list[str], str]], random: object
) -> None:
    segments = [segment(space.join(words), *words) for words, space in given_segments]
    choose = getattr(random, "choice")  # noqa: B009
    made = with_speakers(segments, lambda words: [choose("ABC") for _ in words])
    assert text_of(made) == text_of(segments)
    said = [word.text for one in segments for word in one.words]
    assert [word.text for one in made for word in one.words] == said
