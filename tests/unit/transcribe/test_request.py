"""The options of `parakeet transcribe` as values, without the command line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.transcribe.request import TranscribeRequest, refuse_unfit_speakers_model


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_a_number_of_workers_is_a_number_or_auto(workers: str) -> None:
    request = TranscribeRequest(inputs=("a.wav",), workers=workers)
    with pytest.raises(UsageError, match="--workers"):
        _ = request.worker_count
    assert replace(request, workers="auto").worker_count is None


@pytest.mark.parametrize("feeders", ["0", "-1", "many", "²", "9" * 5000])
def test_a_number_of_feeders_is_a_number_or_auto(feeders: str) -> None:
    request = TranscribeRequest(inputs=("a.wav",), feeders=feeders)
    with pytest.raises(UsageError, match="--feeders"):
        request.check()
    assert replace(request, feeders="auto").feeder_count is None
    assert replace(request, feeders="3").feeder_count == 3


SORTFORMERS = ("sortformer", "nvidia/diar_streaming_sortformer_4spk-v2", "sortformer-2.1")


@pytest.mark.parametrize("model", SORTFORMERS)
@pytest.mark.parametrize("count", ["5", "2-6", "5-9"])
def test_more_speakers_than_a_sortformer_knows_are_refused(model: str, count: str) -> None:
    with pytest.raises(UsageError, match="tells at most 4 speakers apart"):
        refuse_unfit_speakers_model(model, model, SpeakerCount.parse(count))


@pytest.mark.parametrize("model", [*SORTFORMERS, "cam++", "./mine.nemo"])
@pytest.mark.parametrize("count", ["auto", "1", "4", "2-4"])
def test_up_to_four_speakers_are_anyone_s(model: str, count: str) -> None:
    refuse_unfit_speakers_model(model, model, SpeakerCount.parse(count))


def test_the_embedded_model_has_no_limit_and_a_file_says_its_own() -> None:
    for model in ("cam++", "./mine.nemo"):
        refuse_unfit_speakers_model(model, model, SpeakerCount.parse("9"))


def test_a_speakers_model_needs_a_question_who_spoke() -> None:
    with pytest.raises(UsageError, match="nothing asks who spoke") as refused:
        refuse_unfit_speakers_model("sortformer", "sortformer", None)
    assert refused.value.hint == "Add --speakers."
    refuse_unfit_speakers_model(None, "sortformer", None)  # in config.json it is no question
