from __future__ import annotations

from typing import Any

import pytest

from parakeet_cli.config.settings import Settings
from parakeet_cli.dictate.session.request import DictationRequest, check_request
from parakeet_cli.errors import UsageError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fast": True}, "--fast needs --from-file"),
        ({"from_file": "a.wav", "input_device": "0"}, "leave --input-device out"),
        ({"recover": True, "from_file": "a.wav"}, "--recover transcribes earlier recordings"),
        ({"json": True, "sinks": ("stdout",)}, "would write to the same place"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_request(DictationRequest(Settings(), **options))


def test_without_a_sink_text_goes_to_stdout_or_only_into_the_events() -> None:
    assert DictationRequest(Settings()).sink_specs == ("stdout",)
    assert DictationRequest(Settings(), json=True).sink_specs == ()
    assert DictationRequest(Settings(), json=True, sinks=("type",)).sink_specs == ("type",)


def test_history_is_stored_for_the_days_in_the_settings() -> None:
    settings = Settings(history_days=7)
    assert DictationRequest(settings).history_days == 7
    assert DictationRequest(settings, history=False).history_days == 0
