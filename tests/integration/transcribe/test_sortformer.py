"""Sortformer in the real stack: the frames are NeMo's own, in memory that doesn't grow.

The models are small and their weights random: which speaker a voice is means nothing, but is what
NeMo says of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.api import transcribe as transcribe_by_api
from parakeet_cli.engines.nemo.sortformer import Sortformer
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.speakers.activity import names_by_activity
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import transcribe
from tests.integration.transcribe.sortformers import (
    LIMIT,
    Frames,
    chunks,
    frames,
    make,
    options,
    save,
    speech,
)
from tests.stacks import Stacks

SECONDS = 70.0  # three chunks of the model's
ROUNDING = 1e-4
WORDS = " ".join(f"w{number}" for number in range(350))


@pytest.fixture(scope="module")
def python(stacks: Stacks) -> str:
    """NeMo 3.0's interpreter."""
    return str(stacks("verified-3").python)


@pytest.fixture(scope="module")
def sound() -> NDArray[np.float32]:
    return speech(SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sortformers")


@pytest.fixture(scope="module")
def expected(python: str, folder: Path, sound: NDArray[np.float32]) -> Frames:
    """By NeMo's `diarize`, of the sound as a whole."""
    found = make(python, folder, sound)
    assert found.shape == (round(SECONDS / 0.08), 4)
    assert len(set(found.argmax(axis=1))) > 1
    return found


@pytest.fixture(scope="module")
def diarizer(python: str, folder: Path, expected: Frames) -> Iterator[Sortformer]:
    loaded = Sortformer(str(folder / "sortformer.nemo"), options(python))
    yield loaded
    loaded.close()


@pytest.mark.soak
@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param((), id="at once"),
        pytest.param((160, 161, 700_000), id="in odd parts"),
        pytest.param(tuple(range(4567, 1_119_000, 4567)), id="in many"),
    ],
)
def test_parts_have_the_frames_that_nemo_gives_the_whole(
    diarizer: Sortformer, sound: NDArray[np.float32], expected: Frames, cuts: tuple[int, ...]
) -> None:
    found = frames(diarizer, chunks(sound, *cuts))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= ROUNDING
    assert (frames(diarizer, chunks(sound, *cuts)) == found).all()


@pytest.mark.soak
def test_recordings_at_the_same_time_change_nothing_of_each_other(
    diarizer: Sortformer, sound: NDArray[np.float32], expected: Frames
) -> None:
    one, other = diarizer.open(), diarizer.open()
    for part in chunks(sound, 300_000, 600_000, 900_000):
        one.add(part)
    for part in chunks(np.flip(sound).copy(), 200_000, 800_000):
        other.add(part)
        one.close()
    other.close()
    assert np.abs(one.activity()[1] - expected).max() <= ROUNDING
    assert np.abs(other.activity()[1] - expected).max() > 0.1


@pytest.mark.soak
def test_memory_doesn_t_grow_with_a_recording_s_length(diarizer: Sortformer) -> None:
    recording = diarizer.open()
    minute = speech(60.0)
    grown = []
    for number in range(25):
        for part in chunks(minute):
            recording.add(part)
        if number in (4, 24):
            grown.append(resident(diarizer))
    recording.close()
    assert len(recording.activity()[1]) == 18_750
    assert grown[1] - grown[0] < 30 << 20  # 20 minutes of samples are 77 MB


def resident(diarizer: Sortformer) -> int:
    assert diarizer._worker is not None
    status = Path(f"/proc/{diarizer._worker.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


@pytest.mark.soak
def test_a_worker_s_death_is_an_error_and_the_next_recording_has_another(
    diarizer: Sortformer, sound: NDArray[np.float32], expected: Frames
) -> None:
    recording = diarizer.open()
    first, second = chunks(sound, 600_000)
    recording.add(first)
    assert diarizer._worker is not None
    os.kill(diarizer._worker.pid, signal.SIGSEGV)
    with pytest.raises(EngineError, match=r"told the speakers apart, at 3[78] s: it .*SIGSEGV"):
        recording.add(second)
    recording.close()
    assert np.abs(frames(diarizer, [first, second]) - expected).max() <= ROUNDING


@pytest.mark.soak
def test_the_command_s_words_have_the_speakers_of_nemo_s_frames(
    python: str, folder: Path, sound: NDArray[np.float32], expected: Frames
) -> None:
    clip = save(folder / "talk.wav", sound)
    clip.with_suffix(".txt").write_text(WORDS)
    given = ("--python", python, "--device", "cpu", "-f", "json")
    asked = ("--speakers", "--speakers-model", "./sortformer.nemo")
    with_them = transcribe(folder, clip, *given, *asked, "-o", "-", limit=LIMIT)
    without = transcribe(folder, clip, *given, "-o", "-")
    assert (with_them.code, without.code) == (0, 0), with_them.err
    value, bare = json.loads(with_them.out), json.loads(without.out)
    assert value["text"] == bare["text"]
    assert value["accounting"] == bare["accounting"]
    words = [word for segment in value["segments"] for word in segment["words"]]
    plain = [word for segment in bare["segments"] for word in segment["words"]]
    unnamed = [{key: word[key] for key in word if key != "speaker"} for word in words]
    assert unnamed == plain
    starts = np.arange(len(expected)) * 0.08
    spans = np.stack((starts, starts + 0.08), 1)
    said = [Word(word["start"], word["end"], word["word"]) for word in words]
    names = names_by_activity(said, spans, expected, None)
    assert [word["speaker"] for word in words] == names
    assert 1 < len(set(names)) <= 4
    two = transcribe_by_api(
        clip, engine="mock", speakers=1, speakers_model=str(folder / "sortformer.nemo"),
        ml_python=python, device="cpu",
    )  # fmt: skip
    assert {segment.speaker for segment in two.segments} == {"Speaker 1"}
    assert two.text == value["text"]


@pytest.mark.soak
def test_a_model_that_can_t_be_streamed_or_is_none_is_refused(
    python: str, folder: Path, expected: Frames
) -> None:
    with pytest.raises(EngineUnavailable, match="must see a recording as a whole"):
        Sortformer(str(folder / "whole.nemo"), options(python)).open()
    parakeet = Path(__file__).parents[2] / "fixtures" / "models" / "small-parakeet-ctc.nemo"
    with pytest.raises(EngineUnavailable, match="EncDecCTCModelBPE, and no Sortformer"):
        Sortformer(str(parakeet), options(python)).open()


@pytest.mark.slow
def test_the_older_nemo_is_refused_with_what_to_type(stacks: Stacks, tmp_path: Path) -> None:
    older = str(stacks("verified").python)
    clip = save(tmp_path / "clip.wav", speech(1.0))
    (tmp_path / "any.nemo").write_bytes(b"")
    for model in ("sortformer", "sortformer-2.1", "./any.nemo"):
        done = transcribe(
            tmp_path, clip, "--python", older, "--speakers", "--speakers-model", model
        )
        assert (done.code, done.out) == (3, b"")
        assert "needs NeMo 3.0 or newer" in done.err
        assert f"parakeet doctor --fix --stack 3.0 --python {older}" in done.err
