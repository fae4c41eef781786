from __future__ import annotations

import pytest

from parakeet_cli.dictate.recording.clock import Clock
from parakeet_cli.dictate.session.local_agreement import LocalAgreement
from parakeet_cli.dictate.text.vocabulary import make_wording, replaced, spelled
from parakeet_cli.errors import UsageError


def test_replacements_are_whole_words_in_any_case_longest_first() -> None:
    table = {"by the way": "BTW", "by": "BY", "c plus plus": "C++"}
    assert replaced("By the  way, baby, by c plus plus.", table) == "BTW, baby, BY C++."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("I use pytorch lightning.", "I use PyTorch Lightning."),
        ("I use Py Torch.", "I use PyTorch."),
        ("ask Kubernetis, please", "ask Kubernetes, please"),
        ("a cat and a bat", "a cat and a bat"),
        ("the kuber", "the kuber"),
    ],
)
def test_the_vocabulary_s_spelling_wins_where_it_was_nearly_heard(heard: str, written: str) -> None:
    assert spelled(heard, ["PyTorch", "Lightning", "Kubernetes", "Rat"]) == written


def test_digits_write_numbers_and_refuse_an_unknown_language() -> None:
    pytest.importorskip("text_to_num", reason="the extra 'digits' is not installed")
    wording = make_wording({}, [], digits=True, language=None)
    assert wording("I have twenty five apples and one pear.") == "I have 25 apples and one pear."
    with pytest.raises(UsageError, match="'xx'"):
        make_wording({}, [], digits=True, language="xx")


def test_what_two_hypotheses_agree_on_stays() -> None:
    agreement = LocalAgreement()
    assert agreement.feed("I scream") == ("", "I scream")
    assert agreement.feed("Ice cream is") == ("", "Ice cream is")
    assert agreement.feed("ice cream, is good") == ("ice cream, is", "good")
    assert agreement.feed("ice cream") == ("ice cream", "")


def test_the_clock_goes_on_in_gaps_and_back() -> None:
    clock = Clock()
    clock.skip(16_000, 5.0)
    clock.skip(32_000, 1.0)
    assert [clock.seconds(at) for at in (0, 15_999, 16_000, 32_000)] == [0, 0.9999375, 6, 8]
    assert [clock.sample(at) for at in (0.5, 6.0, 7.5, 8.0)] == [8_000, 16_000, 40_000, 32_000]
