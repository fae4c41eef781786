"""What tells speakers apart is chosen by name, and its failure costs a file or the run."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.transcribe.diarizers import (
    CamPlusPlus,
    Diarizer,
    SpeakersOfRecording,
    make_diarizer,
    open_diarizer,
)
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcript import FileResult, Status, Word
from tests.unit.transcribe.scripted import Scripted

ASKED = PipelineOptions(speakers=SpeakerCount(), speakers_model="other")


class Named:
    """One recording; each of its words has another speaker."""

    def __init__(self, fails_at: float | None) -> None:
        self.fails_at = fails_at
        self.seconds = 0.0
        self.closed = 0

    def add(self, chunk: Chunk) -> None:
        self.seconds += chunk.duration
        if self.fails_at is not None and self.seconds > self.fails_at:
            raise EngineError("The speakers' worker died.", hint="Leave it out.")

    def close(self) -> None:
        self.closed += 1

    def names_of(self, words: Sequence[Word], count: SpeakerCount) -> Sequence[str]:
        assert self.closed == 1
        return [f"Speaker {1 + number % 2}" for number in range(len(words))]


class Scattered:
    """Takes every recording; those with a number in `failing` fail."""

    def __init__(self, *failing: int, unusable: bool = False) -> None:
        self.failing, self.unusable = failing, unusable
        self.opened: list[Named] = []

    def open(self) -> SpeakersOfRecording:
        if self.unusable:
            raise EngineUnavailable("There is no such model.")
        self.opened.append(Named(0.0 if len(self.opened) in self.failing else None))
        return self.opened[-1]

    def close(self) -> None:
        pass


def plan(folder: Path, count: int) -> list[PlannedFile]:
    names = [str(folder / f"{number}.wav") for number in range(count)]
    for name in names:
        with wave.open(name, "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.full(48_000, 500, np.int16).tobytes())
    return [PlannedFile(job, ()) for job in find_jobs(names)]


def run(folder: Path, diarizer: Diarizer, count: int = 3) -> list[FileResult]:
    planned = plan(folder, count)
    return list(transcribe_jobs(planned, Scripted(), ASKED, SilentView(), diarizer=diarizer))


def test_each_recording_is_opened_and_closed_once_and_names_its_words(tmp_path: Path) -> None:
    diarizer = Scattered()
    results = run(tmp_path, diarizer)
    assert [result.status for result in results] == [Status.OK] * 3
    assert [one.closed for one in diarizer.opened] == [1, 1, 1]
    assert all(one.seconds == pytest.approx(3.0) for one in diarizer.opened)
    for result in results:
        assert result.transcript is not None
        assert {one.speaker for one in result.transcript.segments} <= {"Speaker 1", "Speaker 2"}


def test_what_fails_over_one_recording_costs_that_one(tmp_path: Path) -> None:
    diarizer = Scattered(1)
    results = run(tmp_path, diarizer)
    assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
    assert "The speakers' worker died." in (results[1].reason or "")
    assert [one.closed for one in diarizer.opened] == [1, 1, 1]


def test_what_can_t_be_used_at_all_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="There is no such model"):
        run(tmp_path, Scattered(unusable=True))


def test_nothing_is_opened_where_nobody_asks_who_spoke(tmp_path: Path) -> None:
    diarizer = Scattered()
    planned = plan(tmp_path, 1)
    options = PipelineOptions()
    list(transcribe_jobs(planned, Scripted(), options, SilentView(), diarizer=diarizer))
    assert diarizer.opened == []


def test_the_embedded_model_is_made_by_its_name_and_needs_nothing() -> None:
    assert make_diarizer("cam++", EngineOptions(), None) is None
    with open_diarizer("cam++", EngineOptions(), SpeakerCount()) as made:
        assert isinstance(made, CamPlusPlus)


def test_any_other_name_is_a_sortformer_s_which_needs_the_ml_stack(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("""#!/bin/sh\necho '{"nemo-toolkit": null, "torch": null}'\n""")
    python.chmod(0o755)
    options = EngineOptions(ml_python=str(python))
    with pytest.raises(EngineUnavailable, match="--speakers-model sortformer needs nemo") as caught:
        make_diarizer("sortformer", options, SpeakerCount())
    assert f"parakeet doctor --python {python}" in (caught.value.hint or "")
