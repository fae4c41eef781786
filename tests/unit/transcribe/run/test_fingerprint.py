"""What makes a run's earlier results invalid."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.config.settings import Settings
from parakeet_cli.formats import FormatOptions
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.fingerprint import fingerprint

SETTINGS = Settings(engine="mock", model="m", language="en", beam_size=3)


def request() -> TranscribeRequest:
    return TranscribeRequest(inputs=("a.wav",), formats=("txt",), folder="/out")


def test_a_fingerprint_is_the_one_that_runs_of_older_versions_recorded() -> None:
    assert fingerprint(request(), SETTINGS) == "2671422b9b6990be"
    layout = FormatOptions(30, 1, 4, True, link_audio=True)
    options = PipelineOptions(audio_stream=1, channel=0, vad=False, format_options=layout)
    other = replace(request(), formats=("srt", "json"), options=options)
    assert fingerprint(replace(other, template="{parent}-{filename}"), SETTINGS) == (
        "98d1d1e1d694fc68"
    )


def test_a_fingerprint_ignores_what_decides_no_output() -> None:
    spread = replace(request(), workers="4", ray=True, retry_failed=True)
    assert fingerprint(spread, SETTINGS) == fingerprint(request(), SETTINGS)
    assert fingerprint(request(), replace(SETTINGS, model="n")) != fingerprint(request(), SETTINGS)


def test_a_fingerprint_knows_what_was_asked_of_the_decoder_and_the_detector() -> None:
    usual = fingerprint(request(), SETTINGS)
    asked = [
        fingerprint(request(), replace(SETTINGS, task="translate")),
        fingerprint(request(), replace(SETTINGS, initial_prompt="Names")),
        fingerprint(request(), replace(SETTINGS, compute_type="float32")),
        fingerprint(request(), replace(SETTINGS, suppress_numerals=True)),
        *(
            fingerprint(replace(request(), options=PipelineOptions(speech=limits)), SETTINGS)
            for limits in (SpeechLimits(threshold=0.6), SpeechLimits(min_silence=1.0))
        ),
        *(
            fingerprint(
                replace(
                    request(),
                    options=PipelineOptions(speakers=SpeakerCount(), speakers_model=model),
                ),
                SETTINGS,
            )
            for model in ("cam++", "sortformer")
        ),
    ]
    assert len({usual, *asked}) == 1 + len(asked)
