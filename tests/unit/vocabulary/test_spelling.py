from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.transcript import Segment, Word
from parakeet_cli.vocabulary.spelling import Speller

TERMS = [
    "PyTorch",
    "New York",
    "state-of-the-art",
    "GPT4",
    "Sofar",
    "Zoë",
    "engine x => nginx",
    "Yahoo!",
]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("use pytorch, py torch and Py-Torch.", "use PyTorch, PyTorch and PyTorch."),
        ("new york's newyork", "New York's New York"),
        ("a state of the art thing", "a state-of-the-art thing"),
        ("“gpt 4”!", "“GPT4”!"),
        ("so far, so good", "so far, so good"),  # the term has no place for a space
        ("pytorches by pietorch", "pytorches by pietorch"),  # other words
        ("It is new. York is old.", "It is new. York is old."),
        ("Engine X, please", "nginx, please"),
        ("ask yahoo! or yahoo, or yahoo", "ask Yahoo! or Yahoo!, or Yahoo!"),
        ("zoë  and\tZOË", "Zoë  and\tZoë"),
    ],
)
def test_a_term_is_written_as_given_where_its_letters_are_all_there(
    text: str, written: str
) -> None:
    assert Speller(TERMS).text(text) == written


@pytest.mark.parametrize("corrects", [False, True])
def test_a_number_keeps_the_mark_that_divides_it(corrects: bool) -> None:
    speller = Speller(["710", "Python 311", "CUDA 12.8", "1000000"], corrects=corrects)
    text = "At 7.10 it was 7:10, with Python 3.11, 1.00000 and 1/2."
    assert speller.text(text) == text
    assert speller.text("cuda 12.8 and python 311") == "CUDA 12.8 and Python 311"


def test_words_that_are_one_term_become_one_word_with_their_times() -> None:
    words = (
        Word(0.0, 0.5, "Use", 0.9),
        Word(0.5, 0.7, "py", 0.8),
        Word(0.7, 1.0, "torch.", 0.6),
        Word(1.0, 2.0, "newyork", 0.5),
    )
    segment = Segment(0.0, 2.0, "Use py torch. newyork", words, 0.7)
    (spelled,) = Speller(TERMS).segments([segment])
    assert spelled.text == "Use PyTorch. New York"
    assert [(word.text, word.confidence) for word in spelled.words] == [
        ("Use", 0.9),
        ("PyTorch.", 0.6),
        ("New", 0.5),
        ("York", 0.5),
    ]
    times = [(word.start, word.end) for word in spelled.words]
    assert times[1] == (0.5, 1.0)
    assert times[2][0] == 1.0
    assert times[2][1] == times[3][0] == pytest.approx(1.0 + 3 / 7)
    assert times[3][1] == 2.0


def test_a_term_of_many_words_is_found() -> None:
    term = "The Royal Society for the Protection of Birds"
    assert Speller([term]).text(f"ask {term.lower()} now") == f"ask {term} now"


def test_of_two_terms_with_the_same_letters_the_first_counts() -> None:
    assert Speller(["reSign", "resign"]).text("resign") == "reSign"


def test_a_correcting_speller_with_5000_terms_finds_the_first_that_is_near() -> None:
    terms = [f"Abcdef{number:04}" for number in range(5000)]
    assert Speller(terms, corrects=True).text("see abcdef12345") == "see Abcdef0234"


LETTERS = st.text("abAB -'.éß1\n", max_size=12)
ANY_TERM = LETTERS.filter(str.strip)
WORD_TERM = st.from_regex(r"[abABéß1]+([ '-][abABéß1]+){0,3}\.?", fullmatch=True)


@settings(deadline=None)
@given(st.lists(WORD_TERM, max_size=4), LETTERS)
def test_spelling_changes_nothing_but_terms_and_is_the_same_again(
    terms: list[str], text: str
) -> None:
    speller = Speller(terms)
    spelled = speller.text(text)
    assert _letters(spelled) == _letters(text)
    assert speller.text(spelled) == spelled
    if not terms:
        assert spelled == text


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


@settings(deadline=None)
@given(st.lists(ANY_TERM, max_size=4), st.lists(LETTERS, max_size=6))
def test_words_and_text_are_spelled_alike_and_times_go_forwards(
    terms: list[str], parts: list[str]
) -> None:
    texts = " ".join(parts).split()
    words = tuple(Word(float(at), at + 0.8, text) for at, text in enumerate(texts))
    (spelled,) = Speller(terms).segments([Segment(0.0, 9.0, " ".join(texts), words)])
    assert " ".join(word.text for word in spelled.words).split() == spelled.text.split()
    assert all(word.start <= word.end for word in spelled.words)
    starts = [word.start for word in spelled.words]
    assert starts == sorted(starts)
