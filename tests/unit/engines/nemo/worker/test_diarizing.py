"""Parts of several recordings that come in any order belong to their own recording.

What is computed needs torch and NeMo: tests/integration/transcribe/test_sortformer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.engines.nemo.worker.cuda import NoCuda
from parakeet_cli.engines.nemo.worker.diarizing import (
    Frames,
    LoadedDiarizer,
    RecordingFrames,
    RecordingServer,
)
from parakeet_cli.engines.nemo.worker.loading import LoadRequest


class Recording:
    """Gives a frame for each sample, one later than it came."""

    def __init__(self) -> None:
        self.waiting: list[float] = []

    def accept(self, samples: NDArray[np.float32]) -> Frames:
        self.waiting += samples.tolist()
        found, self.waiting = self.waiting[:-1], self.waiting[-1:]
        return [[one] for one in found]

    def finish(self) -> Frames:
        return [[one] for one in self.waiting]


class Loaded(LoadedDiarizer):
    def open(self) -> RecordingFrames:
        return cast(RecordingFrames, Recording())


def load(request: LoadRequest, streaming: Mapping[str, int]) -> LoadedDiarizer:
    return Loaded(None, NoCuda(), {"path": request.path, "chunk": streaming["chunk_len"]})


@pytest.fixture
def server() -> RecordingServer:
    made = RecordingServer(load)
    head: dict[str, Any] = {"model": {"path": "x"}, "streaming": {"chunk_len": 3}}
    assert made.load(head) == {"path": "x", "chunk": 3}
    assert made.cuda is not None
    return made


def accept(server: RecordingServer, number: int, *samples: float, last: bool = False) -> Frames:
    head = {"recording": number, "last": last}
    return server.accept(head, np.array(samples, np.float32))


def test_recordings_are_kept_apart(server: RecordingServer) -> None:
    assert accept(server, 1, 1, 2) == [[1.0]]
    assert accept(server, 2, 10, 20, 30) == [[10.0], [20.0]]
    assert accept(server, 1, 3) == [[2.0]]
    assert accept(server, 1, last=True) == [[3.0]]
    assert accept(server, 2, 40, last=True) == [[30.0], [40.0]]


def test_nothing_stays_of_a_recording_that_ended(
    server: RecordingServer,
) -> None:
    accept(server, 1, 1, 2, last=True)
    assert accept(server, 1, 5, last=True) == [[5.0]]
