from __future__ import annotations

from parakeet_cli.dictate.session.partials import LocalAgreement


def test_what_two_hypotheses_agree_on_stays() -> None:
    agreement = LocalAgreement()
    assert agreement.feed("I scream") == ("", "I scream")
    assert agreement.feed("Ice cream is") == ("", "Ice cream is")
    assert agreement.feed("ice cream, is good") == ("ice cream, is", "good")
    assert agreement.feed("ice cream") == ("ice cream", "")
