"""Recordings in which several people speak, through the whole command."""

from __future__ import annotations

import json
import wave
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parakeet_cli.api import transcribe as transcribe_by_api
from tests.integration.transcribe.command import MOCK, TINY, transcribe
from tests.json_schema import faults_of
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

RATE = 16_000
FIRST, SECOND = "Speaker 1", "Speaker 2"


def sample(name: str) -> NDArray[np.float64]:
    """A recording, as loud as every other one."""
    with wave.open(str(SAMPLES / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(10**9), "<i2").astype(np.float64)
    level = float(np.sqrt(np.square(samples).mean()))
    return samples * (2_000 / level)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A woman reads, a man says which cards he holds, and she goes on."""
    said = ["sense_0870", "cmu/cards_1", "cmu/cards_2", "cmu/cards_3", "sense_0930", "cmu/cards_5"]
    pause = np.zeros(RATE * 4 // 10)
    sound = np.concatenate([each for name in said for each in (sample(name), pause)])
    sound += np.random.default_rng(0).standard_normal(len(sound)) * 60
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.clip(-(2**15), 2**15 - 1).astype("<i2").tobytes())
    return path


def found(folder: Path, path: Path, *options: str) -> dict[str, Any]:
    done = transcribe(folder, path, *options, "-f", "json", "-o", "-", engine=TINY, limit=300)
    assert done.code == 0, done.err
    value = json.loads(done.out)
    assert faults_of(value) == []
    assert isinstance(value, dict)
    return value


def words(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [word for segment in value["segments"] for word in segment["words"]]


def turns(value: dict[str, Any]) -> list[str]:
    return [speaker for speaker, _ in groupby(segment["speaker"] for segment in value["segments"])]


def test_two_voices_are_told_apart_and_the_text_is_the_same(talk: Path, tmp_path: Path) -> None:
    without = found(tmp_path, talk)
    value = found(tmp_path, talk, "--speakers")
    assert turns(value) == [FIRST, SECOND, FIRST, SECOND]
    assert value["text"] == without["text"]
    assert value["doubts"] == without["doubts"]
    assert value["accounting"] == without["accounting"]
    plain = [{**word, "speaker": None} for word in words(without)]
    assert [{**word, "speaker": None} for word in words(value)] == plain
    assert all(
        word["speaker"] == segment["speaker"]
        for segment in value["segments"]
        for word in segment["words"]
    )
    reader = " ".join(word["word"] for word in words(value) if word["speaker"] == FIRST)
    assert "leisure" in reader
    assert "prudently" in reader


def test_the_number_can_be_given(talk: Path, tmp_path: Path) -> None:
    assert set(turns(found(tmp_path, talk, "--speakers", "1"))) == {FIRST}
    three = set(turns(found(tmp_path, talk, "--speakers=3-4")))
    assert len(three) >= 2
    assert three <= {FIRST, SECOND, "Speaker 3", "Speaker 4"}


def test_one_voice_is_one_speaker(tmp_path: Path) -> None:
    assert turns(found(tmp_path, SAMPLES / "sense_0870.wav", "--speakers")) == [FIRST]


def test_every_format_says_who_spoke_by_the_names_of_a_file(talk: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.toml"
    names.write_text('"Speaker 1" = "Jane"\n["talk.wav"]\n"Speaker 2" = "Jack"\n')
    done = transcribe(
        tmp_path, talk, "--speakers", "--speaker-names", names, "-f", "all", "-o", "out",
        engine=TINY, limit=300,
    )  # fmt: skip
    assert done.code == 0, done.err
    texts = {path.suffix: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()}
    assert "<v Jane>" in texts[".vtt"]
    assert "- Jack: " in texts[".srt"]
    assert [line.split(":")[0] for line in texts[".txt"].splitlines()] == [
        "Jane", "Jack", "Jane", "Jack",
    ]  # fmt: skip
    assert '"speaker": "Jane"' in texts[".json"]
    assert 'data-who="1">Jack</b>' in texts[".html"]
    assert all("Jane" in text and "Jack" in text for text in texts.values())


def test_workers_and_a_run_that_resumes_give_the_same(talk: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(talk.read_bytes())
    command = ["a.wav", "b.wav", "--speakers", "-f", "json", "--workers", "2", "--run", "run"]
    done = transcribe(tmp_path, *command, "-o", "out", engine=MOCK, limit=300)
    assert done.code == 0, done.err
    outputs = [tmp_path / "out" / name for name in ("a.json", "b.json")]
    first = [path.read_bytes() for path in outputs]
    assert all(b'"speaker": "Speaker 2"' in text for text in first)
    again = transcribe(tmp_path, *command, "-o", "out", engine=MOCK, limit=300)
    assert again.code == 0, again.err
    assert [path.read_bytes() for path in outputs] == first
    other = transcribe(
        tmp_path, *command[:2], "--speakers", "1", *command[3:], "-o", "out", "--yes",
        "--overwrite", engine=MOCK, limit=300,
    )  # fmt: skip
    assert other.code == 0, other.err
    assert all(b"Speaker 2" not in path.read_bytes() for path in outputs)


def test_programs_ask_by_the_api(talk: Path) -> None:
    made = transcribe_by_api(talk, engine="mock", speakers=2)
    assert {segment.speaker for segment in made.segments} == {FIRST, SECOND}
    assert made.text == transcribe_by_api(talk, engine="mock", speakers=False).text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--speakers=0",), "must be a number from 1 to 99"),
        (("--speakers=5-2",), "smaller number"),
        (("--speakers=",), "must be a number"),
        (("--speakers", "--channels", "split"), "--channels split"),
        (("--speakers", "--speaker-names", "missing.toml"), "missing.toml"),
        (("--speaker-names", "missing.toml"), "Add --speakers"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_starts(
    options: tuple[str, ...], said: str, talk: Path, tmp_path: Path
) -> None:
    done = transcribe(tmp_path, talk, *options)
    assert done.code == 2
    assert said in done.err
    assert not done.out


def test_the_file_after_speakers_is_never_eaten(talk: Path, tmp_path: Path) -> None:
    done = transcribe(tmp_path, "--speakers", talk)
    assert done.code == 0, done.err
    assert done.out.startswith(b"Speaker 1: ")
