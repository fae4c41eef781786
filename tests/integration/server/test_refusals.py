"""Tests that what the engine refuses is told in the words of the API, and names the field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.engines.nemo.engine import _checked_language
from parakeet_cli.engines.onnx.engine import _check_language
from parakeet_cli.engines.registry import ENGINES, refuse_unfit
from parakeet_cli.engines.shared import protocol
from parakeet_cli.engines.shared.worker import AdjustedEngines
from parakeet_cli.engines.whisper.model import WhisperFiles, find_whisper
from parakeet_cli.errors import UsageError
from parakeet_cli.server.http.errors import as_api_error
from tests.integration.server.serving import Server, clip
from tests.integration.server.test_realtime import (
    SPEECH,
    TRANSCRIPTION,
    events_until,
    opened,
    pcm,
    session,
    silence,
    speech,
    tell,
)


def tiny() -> WhisperFiles:
    return find_whisper("tiny.en", offline=True)


REFUSALS: list[tuple[Callable[[], object], str | None]] = [
    (lambda: tiny().refuse_language("de"), "language"),
    (lambda: tiny().refuse_task("translate"), None),
    (partial(_check_language, "v3", "de"), "language"),
    (partial(_checked_language, "v2", "de"), "language"),
    (partial(_checked_language, "v3", "de"), "language"),
    *(
        (partial(refuse_unfit, name, decoding), param)
        for name in ENGINES
        if not ENGINES[name].honours
        for decoding, param in (
            (Decoding(initial_prompt="Names."), "prompt"),
            (Decoding(temperature=0.5), "temperature"),
            (Decoding(task="translate"), None),
        )
    ),
]


@pytest.mark.parametrize(("refuse", "param"), REFUSALS)
def test_each_refusal_names_the_field_and_no_option_of_the_command(
    refuse: Callable[[], object], param: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        refuse()
    for error in (caught.value, protocol.read_error(protocol.error_message(1, caught.value))):
        shown = as_api_error(error)
        assert (shown.status, shown.param, shown.code) == (400, param, "unsupported_value")
        # What the person who runs the server types is a whole command.
        outside = "".join(str(shown).split("`")[::2])
        assert "--" not in outside, str(shown)
        if param is not None:
            assert f"`{param}`" in str(shown) or param in str(shown)


def test_an_engine_that_can_t_be_adjusted_names_the_language() -> None:
    from parakeet_cli.engines.shared.request import Adjustment, EngineSetup

    engines = AdjustedEngines(object(), EngineSetup("onnx", EngineOptions()))  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        engines.get(Adjustment(language="de"))
    assert as_api_error(caught.value).param == "language"


def test_a_field_that_the_engine_has_not_is_named_over_http(server: Server) -> None:
    error = server.post(clip(), temperature="0.5").json()["error"]
    assert error["param"] == "temperature"
    assert "--temperature" not in error["message"]


def test_a_live_session_names_the_setting(server: Server) -> None:
    with opened(server) as socket:
        events_until(socket, "session.created")
        tell(socket, "session.update", session=session(transcription={"prompt": "Names."}))
        (error,) = [one["error"] for one in events_until(socket, "error") if "error" in one]
        assert error["param"] == "transcription.prompt"
        assert "can't honour `prompt`" in error["message"]
        assert "--initial-prompt" not in error["message"]


@pytest.mark.slow
def test_whisper_s_refusals_name_the_field(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.integration.server.serving import serving

    asked = ("--engine", "whisper", "--model", "tiny.en")
    with serving(tmp_path_factory.mktemp("whisper"), *asked) as server:
        error = server.post(SPEECH.read_bytes(), language="de").json()["error"]
        assert error["param"] == "language"
        assert "knows English only; `language` de was asked for" in error["message"]
        with opened(server) as socket:
            wanted = session(transcription={"language": "de"}, turn_detection=None)
            tell(socket, "session.update", session=wanted)
            events_until(socket, "session.updated")
            for part in pcm(silence(0.5), speech()):
                tell(socket, "input_audio_buffer.append", audio=part)
            tell(socket, "input_audio_buffer.commit")
            failed = events_until(socket, f"{TRANSCRIPTION}.failed")[-1]["error"]
        assert (failed["type"], failed["param"]) == (
            "invalid_request_error",
            "transcription.language",
        )
