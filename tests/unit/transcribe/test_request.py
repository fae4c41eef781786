"""The options of `parakeet transcribe` as values, without the command line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.request import TranscribeRequest


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
