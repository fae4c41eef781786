from __future__ import annotations

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.decoding import EVERY_OPTION, Decoding, in_words
from parakeet_cli.engines.registry import ENGINES, make_engine, refuse_unfit
from parakeet_cli.errors import UsageError

ASKED = {
    "task": "translate",
    "initial_prompt": "Names",
    "compute_type": "float32",
    "temperature": 0.4,
    "condition_on_previous_text": True,
    "suppress_numerals": True,
}


def test_the_defaults_ask_nothing() -> None:
    assert Decoding().asked == ()
    assert set(ASKED) == EVERY_OPTION


@pytest.mark.parametrize("option", ASKED)
def test_every_engine_but_whisper_refuses_it_by_its_option(option: str) -> None:
    decoding = Decoding(**{option: ASKED[option]})  # type: ignore[arg-type]
    assert decoding.asked == (option,)
    refuse_unfit("whisper", decoding)
    for name in set(ENGINES) - {"whisper"}:
        with pytest.raises(UsageError, match=in_words(option)) as error:
            make_engine(name, EngineOptions(decoding=decoding), concurrency=1)
        assert "--engine whisper" in (error.value.hint or "")
