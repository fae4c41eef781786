from __future__ import annotations

import pytest

from parakeet_cli.dictate.text.vocabulary import make_text_change, replace_phrases
from parakeet_cli.errors import UsageError
from parakeet_cli.vocabulary.spelling import Speller


def test_replacements_are_whole_words_in_any_case_longest_first() -> None:
    table = {"by the way": "BTW", "by": "BY", "c plus plus": "C++"}
    assert replace_phrases("By the  way, baby, by c plus plus.", table) == "BTW, baby, BY C++."


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("I use pytorch lightning.", "I use PyTorch Lightning."),
        ("I use Py Torch.", "I use PyTorch."),
        ("ask Kubernetis, please", "ask Kubernetes, please"),
        ("a cat and a bat", "a cat and a bat"),
        ("the kuber", "the kuber"),
    ],
)
def test_a_term_that_is_nearly_right_is_spelled_as_in_the_vocabulary(
    text: str, written: str
) -> None:
    assert (
        Speller(["PyTorch", "Lightning", "Kubernetes", "Rat"], corrects=True).text(text) == written
    )


def test_digits_write_numbers_and_refuse_an_unknown_language() -> None:
    pytest.importorskip("text_to_num", reason="the extra 'digits' is not installed")
    change_text = make_text_change({}, [], digits=True, language=None)
    assert (
        change_text("I have twenty five apples and one pear.") == "I have 25 apples and one pear."
    )
    with pytest.raises(UsageError, match="'xx'"):
        make_text_change({}, [], digits=True, language="xx")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ask cubernetes", "ask Kubernetes"),
        ("ask dubernetes", "ask Kubernetes"),  # it is the only wrong letter of ten
        ("ask dubernetis", "ask dubernetis"),
        ("use tandas and bandas", "use tandas and Pandas"),  # b and p sound alike
        ("a bright kotlin", "a bright Kotlin"),
        ("a gotlin", "a gotlin"),
    ],
)
def test_a_wrong_first_letter_is_corrected_where_it_is_hardly_another_word(
    text: str, written: str
) -> None:
    assert (
        Speller(["Kubernetes", "Pandas", "Wright", "Kotlin"], corrects=True).text(text) == written
    )


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("This is like bad.", "This is bad."),
        ("Like, it works.", "It works."),
        ("It is, like, good, like.", "It is good."),
        ("you know like", ""),
    ],
)
def test_a_phrase_that_is_replaced_by_nothing_leaves_no_gap(said: str, written: str) -> None:
    assert replace_phrases(said, {"like": "", "you know": ""}) == written
