"""The options of `parakeet transcribe` as values, without the command line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.config import Settings
from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FormatOptions
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.request import TranscribeRequest

SETTINGS = Settings(engine="mock", model="m", language="en", beam_size=3)


def request(
    *, formats: tuple[str, ...] = ("txt",), options: PipelineOptions | None = None
) -> TranscribeRequest:
    return TranscribeRequest(
        inputs=("a.wav",),
        formats=formats,
        folder="/out",
        template="{filename}",
        manifest_out=None,
        allow_partial=False,
        options=options or PipelineOptions(),
    )


def test_a_fingerprint_is_the_one_that_runs_of_older_versions_recorded() -> None:
    assert request().fingerprint(SETTINGS) == "2671422b9b6990be"
    layout = FormatOptions(30, 1, 4, True, link_audio=True)
    options = PipelineOptions(audio_stream=1, channel=0, vad=False, format_options=layout)
    other = request(formats=("srt", "json"), options=options)
    assert replace(other, template="{parent}-{filename}").fingerprint(SETTINGS) == (
        "98d1d1e1d694fc68"
    )


def test_a_fingerprint_ignores_what_decides_no_output() -> None:
    spread = replace(request(), workers="4", ray=True, retry_failed=True)
    assert spread.fingerprint(SETTINGS) == request().fingerprint(SETTINGS)
    assert request().fingerprint(replace(SETTINGS, model="n")) != request().fingerprint(SETTINGS)


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_a_number_of_workers_is_a_number_or_auto(workers: str) -> None:
    with pytest.raises(UsageError, match="--workers"):
        _ = replace(request(), workers=workers).worker_count
    assert replace(request(), workers="auto").worker_count is None
