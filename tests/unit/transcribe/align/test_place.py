from __future__ import annotations

import pytest

from parakeet_cli.errors import InputError
from parakeet_cli.transcribe.align.place import align_text
from parakeet_cli.transcribe.align.words import GivenText
from parakeet_cli.transcript import Alignment, Segment, Word


def spoken(*words: str) -> list[Segment]:
    """A second for each word, half of it spoken."""
    timed = tuple(Word(at, at + 0.5, word, 0.9) for at, word in enumerate(words))
    return [Segment(0.0, len(words), " ".join(words), timed)]


def aligned(text: str, *words: str) -> tuple[tuple[Segment, ...], Alignment]:
    return align_text(spoken(*words), GivenText("text.txt", text))


def test_words_that_were_recognised_are_exact_and_spelled_as_given() -> None:
    segments, alignment = aligned('"Good morning,"\nMrs. Dashwoode.', "good", "morning", "mrs")
    assert [segment.text for segment in segments] == ['"Good morning,"', "Mrs."]
    assert segments[0].words == (
        Word(0, 0.5, '"Good', 0.9, "exact"),
        Word(1, 1.5, 'morning,"', 0.9, "exact"),
    )
    assert (alignment.exact, alignment.interpolated) == (3, 0)
    (missing,) = alignment.missing
    assert (missing.text, missing.index, missing.start) == ("Dashwoode.", 3, 2.5)


def test_a_misheard_word_is_interpolated_and_its_line_is_complete() -> None:
    (segment,), alignment = aligned(
        "Mr. Dashwood had leisure", "mr", "dash", "would", "had", "leisure"
    )
    assert segment.text == "Mr. Dashwood had leisure"
    assert [word.timing for word in segment.words] == ["exact", "interpolated", "exact", "exact"]
    assert (segment.words[1].start, segment.words[1].end) == (1, 2.5)
    assert (alignment.missing, alignment.different, alignment.extra) == ((), (), ())


def test_two_words_that_were_recognised_as_one_share_its_time_by_letters() -> None:
    (segment,), _ = aligned("an e mail now", "an", "email", "now")
    _, e, mail, _ = segment.words
    assert (e.start, e.end, mail.start, mail.end) == (1.0, 1.1, 1.1, 1.5)
    assert e.timing == mail.timing == "interpolated"


def test_words_that_nothing_was_recognised_for_are_named_with_their_place() -> None:
    segments, alignment = aligned("not very an old man", "not", "an", "old", "man")
    assert segments[0].text == "not an old man"
    (missing,) = alignment.missing
    assert (missing.text, missing.index, missing.start, missing.end) == ("very", 1, 0.5, 1)


def test_a_word_in_the_place_of_another_is_named_with_it() -> None:
    segments, alignment = aligned("a young man", "a", "blithe", "man")
    assert segments[0].text == "a young man"
    (different,) = alignment.different
    assert (different.text, different.recognised, different.start) == ("young", "blithe", 1)


def test_what_was_recognised_and_isn_t_in_the_text_is_extra() -> None:
    segments, alignment = aligned("a man", "a", "young", "man")
    assert segments[0].text == "a man"
    assert [word.text for word in alignment.extra] == ["young"]


def test_a_text_of_which_hardly_a_word_was_recognised_is_refused() -> None:
    for heard in ((), ("completely", "unlike")):
        with pytest.raises(InputError, match=r"hardly a word of text\.txt"):
            aligned("Good morning.", *heard)
