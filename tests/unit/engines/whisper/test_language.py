from __future__ import annotations

import pytest

from parakeet_cli.engines.whisper.language import (
    LanguageTracker,
    Probabilities,
    is_clear,
    likeliest_spoken,
)


def languages(**found: float) -> Probabilities:
    """Probabilities; what is missing to 1 has another language that is hardly ever spoken."""
    return {"en": 0.0, **found, "haw": max(0.0, 1 - sum(found.values()))}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (languages(fr=0.97, en=0.01), "fr"),
        (languages(th=0.9, en=0.05), "th"),
        (languages(en=0.4, la=0.3), "en"),
        # What base makes of English that a machine speaks.
        (languages(th=0.65, en=0.049), "en"),
        (languages(la=0.48, en=0.127), "en"),
        (languages(cy=0.33, en=0.262), "en"),
        (languages(de=0.34, en=0.13), "en"),
        # And of other languages that one speaks.
        (languages(es=0.57, en=0.039), "es"),
        (languages(th=0.24, ro=0.16, ms=0.13, fr=0.1, en=0.02), "fr"),
        (languages(cy=0.34, de=0.28, en=0.06), "de"),
    ],
)
def test_english_and_well_known_languages_have_the_benefit_of_the_doubt(
    found: Probabilities, expected: str
) -> None:
    assert likeliest_spoken(found) == expected


def test_a_language_is_clear_by_its_probability_and_english_always() -> None:
    assert is_clear(languages(en=0.3, fr=0.29, de=0.2, es=0.2))
    assert is_clear(languages(fr=0.85))
    assert not is_clear(languages(fr=0.7, en=0.1))


def test_a_doubtful_chunk_has_the_language_of_those_before_it() -> None:
    tracker = LanguageTracker()
    assert tracker.decide("a.wav", languages(fr=0.98), 20.0) == "fr"
    assert tracker.decide("a.wav", languages(fr=0.3, de=0.5, en=0.15), 4.0) == "fr"
    assert tracker.decide("b.wav", languages(fr=0.3, de=0.5, en=0.15), 4.0) == "en"


def test_a_word_does_not_change_the_language() -> None:
    tracker = LanguageTracker()
    tracker.decide("a.wav", languages(fr=0.98), 20.0)
    assert tracker.decide("a.wav", languages(en=0.95), 0.8) == "fr"


def test_a_longer_chunk_in_another_language_is_in_that_one() -> None:
    tracker = LanguageTracker()
    tracker.decide("a.wav", languages(en=0.99), 1000.0)
    assert tracker.decide("a.wav", languages(fr=0.95, en=0.02), 8.0) == "fr"
    assert tracker.decide("a.wav", languages(en=0.97), 8.0) == "en"


def test_what_is_clear_later_outweighs_a_doubtful_beginning() -> None:
    tracker = LanguageTracker()
    assert tracker.decide("a.wav", languages(es=0.4, en=0.2), 3.0) == "en"
    assert tracker.decide("a.wav", languages(es=0.95, en=0.01), 25.0) == "es"
    assert tracker.decide("a.wav", languages(es=0.4, en=0.2), 3.0) == "es"


def test_only_the_latest_sources_are_remembered() -> None:
    tracker = LanguageTracker()
    for number in range(200):
        tracker.decide(str(number), languages(fr=0.98), 20.0)
    doubtful = languages(fr=0.4, en=0.2)
    assert tracker.decide("199", doubtful, 3.0) == "fr"
    assert tracker.decide("0", doubtful, 3.0) == "en"


def test_no_sound_at_all_is_english() -> None:
    assert LanguageTracker().decide("a.wav", languages(en=0.3, ja=0.2), 0.0) == "en"
