from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.cli.transcribe.command import transcribe
from parakeet_cli.cli.transcribe.request import request_of
from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import UsageError


def given(**more: Any) -> dict[str, Any]:
    """The command's defaults, and what is given beside them."""
    parameters = inspect.signature(transcribe).parameters.values()
    return {one.name: one.default for one in parameters if one.name != "context"} | more


def test_options_become_the_request_s_fields() -> None:
    request = request_of(
        given(
            inputs=["a.wav"],
            output_format=["srt"],
            run="run",
            yes=True,
            grace="1.5s",
            audio_stream="2",
            max_line_width=30,
            allow_partial=True,
        ),
        Settings(language="de"),
    )
    assert (request.inputs, request.formats, request.run) == (("a.wav",), ("srt",), "run")
    assert (request.yes, request.grace, request.every_stream) == (True, 1.5, False)
    assert (request.options.audio_stream, request.options.language) == (2, "de")
    assert request.options.accept_partial
    assert request.options.format_options.max_line_width == 30


def test_the_defaults_are_those_of_a_request() -> None:
    request = request_of(given(inputs=["a.wav"]), Settings())
    assert (request.grace, request.folder, request.worker_count) == (25.0, None, 1)


def test_names_for_speakers_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    names = tmp_path / "names.toml"
    names.write_text('"Channel 0" = "Anna"\n')
    with pytest.raises(UsageError, match="nothing tells them apart"):
        request_of(given(inputs=["a.wav"], speaker_names=str(names)), Settings())
    split = given(inputs=["a.wav"], speaker_names=str(names), channels="split")
    for request in (
        request_of(split, Settings()),
        request_of(given(inputs=["a.wav"], speaker_names=str(names)), Settings(speakers="auto")),
    ):
        assert request.options.speaker_names


def test_seconds_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="--grace soon"):
        request_of(given(inputs=["a.wav"], grace="soon"), Settings())
