"""Recordings with a speaker on each channel, through the whole command."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.transcribe.command import CLIP, MOCK, TINY, files, transcribe
from tests.json_schema import faults_of
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

RATE = 16_000
Floats = NDArray[np.float64]
SPLIT = ("--channels", "split")
REAL: dict[str, str] = {}


def sample(number: str) -> Floats:
    with wave.open(str(SAMPLES / f"sense_{number}.wav")) as file:
        return np.frombuffer(file.readframes(10**9), "<i2").astype(np.float64)


def written(path: Path, *channels: Floats) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((len(channels), 2, RATE, 0, "NONE", ""))
        pcm = np.stack(channels, 1).clip(-(2**15), 2**15 - 1)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def voices() -> tuple[Floats, Floats]:
    """Two sides of a talk: the second one begins to speak while the first one still does."""
    first, second = np.zeros(26 * RATE), np.zeros(26 * RATE)
    for channel, number, at in (
        (first, "0870", 0.5), (second, "0880", 9.0), (first, "0890", 12.5), (second, "0930", 15.5)
    ):  # fmt: skip
        clip = sample(number)
        channel[int(at * RATE) : int(at * RATE) + len(clip)] += clip
    rolls = np.random.default_rng(0)
    return first + rolls.standard_normal(len(first)) * 10, second + rolls.standard_normal(
        len(second)
    ) * 10


def found(folder: Path, path: Path, *more: str, engine: dict[str, str] = REAL) -> dict[str, Any]:
    done = transcribe(
        folder, path, *SPLIT, "-f", "json", "-o", "-", *more, engine=engine, limit=300
    )
    assert done.code == 0, done.err
    value = json.loads(done.out)
    assert faults_of(value) == []
    assert isinstance(value, dict)
    return value


def said(value: dict[str, Any], speaker: str) -> str:
    own = [one["text"] for one in value["segments"] if one["speaker"] == speaker]
    return " ".join(own).lower()


@pytest.mark.parametrize("echo", [None, -18.0, -10.0], ids=["clean", "echo", "loud echo"])
def test_each_speaker_has_their_own_words_whatever_the_other_channel_echoes(
    echo: float | None, voices: tuple[Floats, Floats], tmp_path: Path
) -> None:
    first, second = voices
    gain = 0.0 if echo is None else 10 ** (echo / 20)
    mixed = first + gain * np.roll(second, 40), second + gain * np.roll(first, 40)
    value = found(tmp_path, written(tmp_path / "talk.wav", *mixed))
    for word in ("leisure", "prudently", "selfish"):
        assert word in said(value, "Channel 0")
        assert word not in said(value, "Channel 1")
    for word in ("young man", "amiable"):
        assert word in said(value, "Channel 1")
        assert word not in said(value, "Channel 0")
    starts = [segment["start"] for segment in value["segments"]]
    assert starts == sorted(starts)
    for channel in value["channels"]:
        assert channel["accounting"]["decoded_seconds"] == pytest.approx(26, abs=0.1)
        assert channel["accounting"]["lost"] == []
        assert (channel["echoes"] > 0) == (echo is not None)


def test_the_text_is_by_turns_and_two_at_once_overlap_in_the_json(
    voices: tuple[Floats, Floats], tmp_path: Path
) -> None:
    path = written(tmp_path / "talk.wav", *voices)
    formats = ("-f", "txt", "-f", "json", "-o", "out")
    done = transcribe(tmp_path, path, *SPLIT, *formats, engine=REAL, limit=300)
    assert done.code == 0, done.err
    text = (tmp_path / "out" / "talk.txt").read_text(encoding="utf-8")
    names = [line.partition(":")[0] for line in text.splitlines()]
    assert names == ["Channel 0", "Channel 1", "Channel 0", "Channel 1"]
    value = json.loads((tmp_path / "out" / "talk.json").read_text(encoding="utf-8"))
    ends = {one["text"]: one["end"] for one in value["segments"]}
    last = next(one for one in value["segments"] if "amiable" in one["text"])
    assert any(last["start"] < end < last["end"] for end in ends.values())


def test_the_same_sound_on_both_channels_is_said_once(tmp_path: Path) -> None:
    same = sample("0880")
    done = transcribe(
        tmp_path, written(tmp_path / "same.wav", same, same), *SPLIT, engine=REAL, limit=300
    )
    assert done.out.decode().lower().count("young man") == 1
    assert "of channel 1 were left out as an echo" in done.err


def test_one_channel_is_transcribed_as_usual_with_a_note(tmp_path: Path) -> None:
    usual = transcribe(tmp_path, CLIP, engine=TINY)
    split = transcribe(tmp_path, CLIP, *SPLIT, engine=TINY)
    assert split.out == usual.out
    assert "it has one channel" in split.err


def test_a_damaged_file_is_partial_by_what_it_lost_and_says_so_of_each_channel(
    voices: tuple[Floats, Floats], tmp_path: Path
) -> None:
    data = written(tmp_path / "whole.wav", *voices).read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) * 3 // 4])
    done = transcribe(tmp_path, "cut.wav", *SPLIT, "-f", "json", "-o", "out", engine=MOCK)
    assert done.code == 1
    value = json.loads((tmp_path / "out" / "cut.json").read_text())
    assert faults_of(value) == []
    assert value["status"] == "partial"
    assert value["accounting"]["lost_seconds"] == pytest.approx(6.5, abs=0.1)
    for channel in value["channels"]:
        assert channel["accounting"]["lost_seconds"] == pytest.approx(6.5, abs=0.1)


def test_options_that_contradict_it_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Yes.")
    for more, reason in (
        (("--channels", "left"), "it must be split"),
        ((*SPLIT, "--channel", "0"), "contradict"),
        ((*SPLIT, "--align", "text.txt"), "--align"),
    ):
        done = transcribe(tmp_path, CLIP, *more, engine=MOCK)
        assert (done.code, reason in done.err) == (2, True)


def test_a_run_that_is_split_later_is_done_again_and_workers_give_the_same(
    voices: tuple[Floats, Floats], tmp_path: Path
) -> None:
    written(tmp_path / "a.wav", *voices)
    written(tmp_path / "b.wav", *voices)
    asked = ("a.wav", "b.wav", "-f", "vtt", "-o", "out", "--run", "run", "--yes")
    first = transcribe(tmp_path, *asked, engine=TINY, limit=300)
    again = transcribe(tmp_path, *asked, *SPLIT, "--workers", "2", engine=TINY, limit=300)
    assert (first.code, again.code) == (0, 0), again.err
    assert "because the options have changed" in again.err
    assert "<v Channel 1>" in (tmp_path / "out" / "a.vtt").read_text()
    assert {"out/a.vtt", "out/b.vtt"} <= files(tmp_path)
