"""Real speech through the whole command, against faster-whisper called directly."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.integration.transcribe.command import transcribe
from tests.integration.transcribe.words import errors, spoken
from tests.media_files import RECIPES, SAMPLES, Floats, Recipe, tone, write_media

# Each kind that the promise is made for, with rates and channels going round.
KINDS = (
    replace(RECIPES["wav"], rate=16_000, channels=1),
    replace(RECIPES["flac"], rate=44_100, channels=2),
    replace(RECIPES["mp3"], rate=44_100, channels=1),
    replace(RECIPES["m4a"], rate=48_000, channels=2),
    replace(RECIPES["opus"], rate=48_000, channels=1),
    replace(RECIPES["webm"], rate=48_000, channels=2),
    replace(RECIPES["mp3"], rate=22_050, channels=2, bit_rate=64_000),
    replace(RECIPES["wav"], rate=32_000, channels=2),
)


def references() -> Iterator[tuple[Path, str]]:
    for line in (SAMPLES / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, text = line.split("\t")
        yield SAMPLES / name, text


def samples_of(path: Path) -> Floats:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return (data / 2**15).astype(np.float32)


def encoded(path: Path, sound: Floats, recipe: Recipe) -> Path:
    resampled = soxr.resample(sound, 16_000, recipe.rate).astype(np.float32)
    return write_media(path, resampled, recipe)


@pytest.mark.slow
def test_no_more_words_are_wrong_than_when_faster_whisper_is_called_directly(
    tmp_path: Path,
) -> None:
    from faster_whisper import WhisperModel

    from parakeet_cli.engines.whisper.model import find_whisper

    expected: dict[str, list[str]] = {}
    paths = []
    for number, (path, text) in enumerate(references()):
        for turn in range(2):
            recipe = KINDS[(2 * number + turn) % len(KINDS)]
            name = f"{path.stem}-{turn}"
            paths.append(encoded(tmp_path / f"{name}.{recipe.suffix}", samples_of(path), recipe))
            expected[name] = spoken(text)

    done = transcribe(tmp_path, *paths, "-f", "json", "-o", "out", "--quiet", engine={}, limit=300)
    assert done.code == 0, done.err
    ours = {
        name: spoken(json.loads((tmp_path / f"out/{name}.json").read_bytes())["text"])
        for name in expected
    }
    model = WhisperModel(str(find_whisper(None).prepare().path), device="cpu", compute_type="int8")

    def directly(sound: str | Floats) -> list[str]:
        return spoken("".join(part.text for part in model.transcribe(sound, beam_size=5)[0]))

    theirs = {path.stem: directly(str(path)) for path in paths}
    # Another resampler alone turns a word of these: what was recorded, never encoded, says
    # how much.
    recorded = {path.stem: directly(samples_of(path)) for path, _ in references()}
    originals = {name: recorded[name.rpartition("-")[0]] for name in expected}
    count = sum(map(len, expected.values()))
    wrong = {
        who: sum(errors(expected[name], found[name]) for name in expected)
        for who, found in (("ours", ours), ("theirs", theirs), ("original", originals))
    }
    for name, reference in expected.items():
        if ours[name] != theirs[name]:
            print(f"{name}: {errors(reference, ours[name])} in {ours[name]}")
            print(f"{name}: {errors(reference, theirs[name])} in {theirs[name]}, called directly")
    print(f"words wrong of {count} in {len(paths)} files: {wrong}")
    assert wrong["ours"] <= max(wrong["theirs"], wrong["original"])


@pytest.mark.slow
def test_a_long_recording_has_every_clip_in_its_place(tmp_path: Path) -> None:
    """All clips with pauses between them, more than two windows, as one stereo MP3."""
    parts: list[Floats] = []
    starts: dict[str, float] = {}
    clips = [*references(), *references()]
    for number, (path, _) in enumerate(clips):
        starts[f"{number}"] = sum(map(len, parts)) / 16_000
        parts += [samples_of(path), np.zeros(16_000, np.float32)]
    sound = np.concatenate(parts)
    path = encoded(tmp_path / "long.mp3", sound, replace(RECIPES["mp3"], channels=2))
    done = transcribe(tmp_path, path, "-f", "json", "-o", ".", engine={}, limit=300)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "long.json").read_bytes())
    words = [word for segment in found["segments"] for word in segment["words"]]
    times = [word["start"] for word in words]
    assert times == sorted(times)
    expected = spoken(" ".join(text for _, text in clips))
    hypothesis = spoken(" ".join(word["word"] for word in words))
    assert hypothesis == spoken(found["text"])
    assert errors(expected, hypothesis) <= 0.15 * len(expected)
    ends = [*list(starts.values())[1:], len(sound) / 16_000]
    for number, (begin, end) in enumerate(zip(starts.values(), ends, strict=True)):
        inside = [word for word in words if begin - 0.3 <= word["start"] < end - 0.3]
        assert inside, f"no words of clip {number} at {begin:.1f} s"


ODD = {
    "8-bit.wav": Recipe("wav", "pcm_u8", channels=1),
    "24-bit.wav": Recipe("wav", "pcm_s24le"),
    "32-bit.wav": Recipe("wav", "pcm_s32le"),
    "float.wav": Recipe("wav", "pcm_f32le"),
    "double.wav": Recipe("wav", "pcm_f64le"),
    "telephone.wav": Recipe("wav", "pcm_mulaw", rate=8_000, channels=1),
    "96k.flac": Recipe("flac", "flac", rate=96_000, sample_format="s32"),
    "surround.wav": Recipe("wav", "pcm_s16le", rate=48_000, channels=6),
    "surround.m4a": Recipe("m4a", "aac", rate=48_000, channels=6, bit_rate=256_000),
    "big-endian.aifc": Recipe("aiff", "pcm_s16be"),
    **{f"{name}.{recipe.suffix}": recipe for name, recipe in RECIPES.items()},
}


def test_every_container_and_odd_sound_is_read_whole(tmp_path: Path) -> None:
    """On the mock engine, whose text is how much audio it got."""
    (tmp_path / "in").mkdir()
    for name, recipe in ODD.items():
        write_media(tmp_path / "in" / name, tone(2.0, recipe.rate), recipe)
    done = transcribe(
        tmp_path, "in", "-f", "json", "-o", "out", "--output-template", "{index}-{filename}"
    )
    assert done.code == 0, done.err
    found = [json.loads(path.read_bytes()) for path in (tmp_path / "out").iterdir()]
    assert {Path(one["source"]["path"]).name for one in found} == set(ODD)
    for one in found:
        recipe = ODD[Path(one["source"]["path"]).name]
        assert one["status"] == "ok", one
        assert one["accounting"]["lost_seconds"] == 0
        assert one["accounting"]["decoded_seconds"] == pytest.approx(2.0, abs=0.1), one["source"]
        assert one["source"]["sample_rate"] == recipe.rate
        assert one["source"]["channels"] == recipe.channels


def test_a_video_s_sound_and_the_stream_and_channel_asked_for(tmp_path: Path) -> None:
    first, second = RECIPES["mp4"], replace(RECIPES["mp4"], channels=1)
    write_media(
        *(tmp_path / "film.mp4", tone(2.0, 44_100), first),
        (tone(1.0, 44_100), second),
        video=True,
    )
    asked = ("film.mp4", "-f", "json", "-o", "-")
    whole = json.loads(transcribe(tmp_path, *asked).out)
    assert whole["source"]["channels"] == 2
    assert whole["segments"][-1]["end"] == pytest.approx(2.0, abs=0.1)
    other = json.loads(transcribe(tmp_path, *asked, "--audio-stream", "1").out)
    assert other["source"]["channels"] == 1
    assert other["accounting"]["decoded_seconds"] == pytest.approx(1.0, abs=0.1)
    assert [one["taken"] for one in other["streams"]] == [False, True]
    each = transcribe(tmp_path, "film.mp4", "--audio-stream", "all", "-o", "out", "-f", "json")
    assert each.code == 0, each.err
    named = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in named] == ["film.0.json", "film.1.json"]
    for index, path in enumerate(named):
        streams = json.loads(path.read_bytes())["streams"]
        assert [one["index"] for one in streams if one["taken"]] == [index]
    for option, number in (("--audio-stream", "2"), ("--channel", "2")):
        refused = transcribe(tmp_path, *asked, option, number)
        assert refused.code == 1
        assert f"has no {option[2:].replace('-', ' ')} 2" in refused.err
