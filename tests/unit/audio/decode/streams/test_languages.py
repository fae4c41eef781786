from __future__ import annotations

import pytest

from parakeet_cli.audio.decode.streams.languages import same_language


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        *(("eng", "en"), ("en", "en"), ("ger", "de"), ("deu", "de"), ("de-AT", "de")),
        *(("DE", "de"), ("fre", "fr-CA"), ("zho", "zh"), ("nob", "no"), ("fil", "tl")),
        ("qaa", "qaa"),
    ],
)
def test_two_and_three_letters_name_the_same_language(tag: str, wanted: str) -> None:
    assert same_language(tag, wanted)


@pytest.mark.parametrize(
    ("tag", "wanted"), [(None, "de"), ("", "de"), ("eng", "de"), ("und", "de"), ("de", "da")]
)
def test_other_languages_and_no_language_are_not_the_wanted_one(
    tag: str | None, wanted: str
) -> None:
    assert not same_language(tag, wanted)
