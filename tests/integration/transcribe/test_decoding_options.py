"""The Whisper family's options do what they say, on real speech and with the embedded models."""

from __future__ import annotations

import json
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.transcribe.command import CLIP, MOCK, TINY, Done, files, transcribe
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

DASHWOOD = SAMPLES / "sense_0870.wav"
CARDS = SAMPLES / "cmu" / "cards_5.wav"
REAL: dict[str, str] = {}  # the engine that is chosen, with its own model


def text(folder: Path, *arguments: str | Path, engine: dict[str, str] = REAL) -> str:
    done = transcribe(folder, *arguments, engine=engine, limit=300)
    assert done.code == 0, done.err
    return done.out.decode()


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng isn't installed (scripts/install-system-packages.sh --tests)")
    path = tmp_path_factory.mktemp("german") / "de.wav"
    said = "Guten Morgen, wie geht es Ihnen heute? Ich hoffe, dass alles in Ordnung ist."
    subprocess.run([program, "-v", "de", "-s", "140", "-w", path, said], check=True)
    return path


def test_a_translation_is_english_and_says_what_was_spoken(german: Path, tmp_path: Path) -> None:
    done = transcribe(
        tmp_path, german, "--task", "translate", "-f", "json", "-o", "-", engine=REAL, limit=300
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["language"], found["task"], found["status"]) == ("de", "translate", "ok")
    assert "good morning" in found["text"].lower()
    assert "Morgen" not in found["text"]
    assert found["accounting"]["lost_seconds"] == 0
    words = [word for segment in found["segments"] for word in segment["words"]]
    assert words and all(word["end"] > word["start"] for word in words)


def test_an_english_model_refuses_to_translate_before_anything_is_written(tmp_path: Path) -> None:
    done = transcribe(tmp_path, CLIP, "--task", "translate", "-f", "txt", engine=TINY)
    assert done.code == 2
    assert "tiny.en knows English only" in done.err
    assert files(tmp_path) == set()


def test_an_engine_that_can_t_refuses_in_a_dry_run_and_before_a_run_s_folder(
    tmp_path: Path,
) -> None:
    asked = ("--initial-prompt", "Names", "-f", "txt", "--run", "run")
    for more in ((), ("--dry-run",)):
        done = transcribe(tmp_path, CLIP, *asked, *more, engine=MOCK)
        assert (done.code, done.out) == (2, b"")
        assert "The engine mock has no --initial-prompt" in done.err
    assert files(tmp_path) == set()


def test_an_initial_prompt_decides_how_a_name_is_spelled(tmp_path: Path) -> None:
    assert "Dashwoode" not in text(tmp_path, DASHWOOD)
    prompt = "A letter to Mr. John Dashwoode and Mrs. Dashwoode."
    assert "Dashwoode" in text(tmp_path, DASHWOOD, "--initial_prompt", prompt)
    (tmp_path / "config.json").write_text(json.dumps({"initial_prompt": prompt}))
    assert "Dashwoode" in text(tmp_path, DASHWOOD, "--config", "config.json")


def test_numerals_are_written_in_words_where_that_is_asked_for(tmp_path: Path) -> None:
    assert any(char.isdigit() for char in text(tmp_path, CARDS))
    said = text(tmp_path, CARDS, "--suppress-numerals").lower()
    assert not any(char.isdigit() for char in said)
    assert "eight of spades" in said


def test_a_precision_changes_the_confidences_and_hardly_the_words(tmp_path: Path) -> None:
    def found(*more: str) -> dict[str, Any]:
        value = json.loads(text(tmp_path, CLIP, "-f", "json", "-o", "-", *more))
        assert isinstance(value, dict)
        return value

    usual, exact = found(), found("--compute-type", "float32")
    assert usual["text"].split()[:4] == exact["text"].split()[:4]
    assert usual["segments"][0]["confidence"] != exact["segments"][0]["confidence"]


def test_a_precision_that_this_processor_lacks_is_a_usage_error(tmp_path: Path) -> None:
    for name, said in (("int8_float16", "It can in"), ("int4", "must be one of")):
        done = transcribe(tmp_path, CLIP, "--device", "cpu", "--compute-type", name, engine=REAL)
        assert done.code == 2
        assert said in done.err


def test_what_the_detector_is_less_sure_of_than_the_threshold_is_left_out(tmp_path: Path) -> None:
    """Speech in noise, of which the detector is sure to 0.995 at most."""
    with wave.open(str(CLIP)) as file:
        clip = np.frombuffer(file.readframes(10**9), "<i2").astype(np.float32)
    noise = np.random.default_rng(1).standard_normal(len(clip))
    noise *= np.sqrt((clip**2).mean() / (noise**2).mean()) / 3
    with wave.open(str(tmp_path / "noisy.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((0.3 * (clip + noise)).astype("<i2").tobytes())
    assert text(tmp_path, "noisy.wav").strip()
    assert text(tmp_path, "noisy.wav", "--vad-threshold", "0.999") == ""


def test_parts_are_conditioned_on_the_text_before_without_losing_any(tmp_path: Path) -> None:
    clips = [SAMPLES / f"sense_{number}.wav" for number in ("0870", "0880", "0890", "0920", "0930")]
    with wave.open(str(tmp_path / "long.wav"), "wb") as joined:
        joined.setparams((1, 2, 16_000, 0, "NONE", ""))
        for clip in clips * 2:
            with wave.open(str(clip)) as file:
                joined.writeframes(file.readframes(10**9) + bytes(16_000))
    for option in ("True", "False"):
        said = text(tmp_path, "long.wav", "--condition_on_previous_text", option, engine=TINY)
        assert said.lower().count("amiable") == 4


def test_a_temperature_is_passed_on_and_one_outside_is_refused(tmp_path: Path) -> None:
    assert "young" in text(tmp_path, CLIP, "--temperature", "0.2", engine=TINY)
    done = transcribe(tmp_path, CLIP, "--temperature", "1.5", engine=TINY)
    assert (done.code, "from 0 to 1" in done.err) == (2, True)


def test_a_run_transcribes_again_what_other_options_made(tmp_path: Path) -> None:
    asked = (CARDS, "-f", "txt", "-o", "out", "--run", "run", "--yes", "--overwrite")
    first = transcribe(tmp_path, *asked, engine=REAL, limit=300)
    again = transcribe(tmp_path, *asked, engine=REAL, limit=300)
    other = transcribe(tmp_path, *asked, "--suppress-numerals", engine=REAL, limit=300)
    assert [done.code for done in (first, again, other)] == [0, 0, 0]
    assert "transcribed again" not in again.err
    assert "because the options have changed" in other.err
    assert "eight" in (tmp_path / "out" / "cards_5.txt").read_text().lower()


def peer_script(folder: Path, *more: str) -> Done:
    """What somebody's script for openai-whisper asks, with the command's name changed."""
    return transcribe(
        folder, CLIP, "--model", "tiny.en", "--language", "English", "--output_format", "all",
        "--output_dir", "out", "--fp16", "False", "--word_timestamps", "True", "--beam_size", "5",
        "--best_of", "5", "--verbose", "False", "--condition_on_previous_text", "False",
        "--max_line_width", "40", "--max_line_count", "2", *more, engine=REAL, limit=300,
    )  # fmt: skip


def test_a_script_for_a_peer_runs_and_makes_every_format(tmp_path: Path) -> None:
    done = peer_script(tmp_path)
    assert done.code == 0, done.err
    names = {Path(name).suffix for name in files(tmp_path / "out")}
    assert names == {".txt", ".srt", ".vtt", ".tsv", ".lrc", ".ass", ".csv", ".json", ".html"}
    assert "--word-timestamps: every word always has its times." in done.err


def test_a_script_with_an_option_of_no_meaning_is_told_which(tmp_path: Path) -> None:
    done = peer_script(tmp_path, "--patience", "2.0")
    assert done.code == 2
    assert "--patience 2.0 has no meaning here" in done.err
    assert files(tmp_path) == set()
