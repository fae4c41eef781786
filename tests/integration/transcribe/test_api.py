"""The Python API on real recordings and engines; of ours, it imports the API alone."""

from __future__ import annotations

import ast
import random
import re
import shutil
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parakeet_cli.api import (
    ConfigError,
    EngineUnavailable,
    ParakeetError,
    Status,
    Transcriber,
    TranscriptionError,
    UsageError,
    format_names,
    to_format,
    transcribe,
)

ROOT = Path(__file__).parents[3]
CLIP = ROOT / "samples" / "sense_0880.wav"
SAID = {"he", "was", "not", "young", "man"}  # of its words, those that every model knows
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's settings; mock unless a test asks for another engine."""
    for name in ("PARAKEET_ENGINE", "PARAKEET_MODEL", "PERSONALPARAKEET_USE_MOCK_STT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_of_ours_only_the_api_is_imported_here() -> None:
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name for name in modules if name.startswith("parakeet_cli")} == {"parakeet_cli.api"}


def test_the_api_is_imported_without_anything_heavy_and_prints_nothing() -> None:
    heavy = "numpy av onnxruntime faster_whisper ctranslate2 typer rich huggingface_hub"
    code = f"import sys, parakeet_cli.api; print(set({heavy.split()!r}) & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("set()\n", "")


@pytest.mark.slow
def test_a_recording_becomes_a_transcript_with_words_and_times(
    capfd: pytest.CaptureFixture[str],
) -> None:
    transcript = transcribe(CLIP, model="tiny.en")
    assert words_of(transcript.text) >= SAID
    assert (transcript.status, transcript.engine.model) == (Status.OK, "tiny.en")
    words = [word for segment in transcript.segments for word in segment.words]
    assert words and all(0 <= word.start < word.end <= 3 for word in words)
    assert transcript.accounting.lost_seconds == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_transcriber_keeps_its_model_and_threads_take_turns() -> None:
    with Transcriber(model="tiny.en", beam_size=1) as transcriber:
        assert transcriber.engine.name == "whisper"
        with ThreadPoolExecutor(3) as pool:
            texts = {transcript.text for transcript in pool.map(transcriber.transcribe, [CLIP] * 3)}
    (text,) = texts
    assert words_of(text) >= SAID


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_documentation_runs(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(CLIP, tmp_path / "talk.wav")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARAKEET_MODEL", "tiny.en")
    exec(compile(EXAMPLES[number], f"docs/api.md, example {number}", "exec"), {})
    shown = capsys.readouterr().out
    if "transcript.text" in EXAMPLES[number]:
        assert words_of(shown) >= SAID


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 5


def test_a_part_of_a_recording_is_on_the_recording_s_clock() -> None:
    seen: list[float] = []
    with Transcriber(engine="mock") as transcriber:
        transcript = transcriber.transcribe(CLIP, offset=1.0, duration=1.5, on_progress=seen.append)
    assert seen and max(seen) == pytest.approx(2.5, abs=0.05)
    assert transcript.accounting.decoded_seconds == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "2", True])
def test_a_part_that_can_t_be_is_refused(seconds: float) -> None:
    with Transcriber(engine="mock") as transcriber:
        with pytest.raises(UsageError, match="offset must be a number of seconds from 0"):
            transcriber.transcribe(CLIP, offset=seconds)
        with pytest.raises(UsageError, match="duration must be a number of seconds from 0"):
            transcriber.transcribe(CLIP, duration=seconds)


def test_a_transcriber_that_is_used_by_its_own_on_progress_says_so_and_goes_on() -> None:
    with Transcriber(engine="mock") as transcriber:
        with pytest.raises(UsageError, match="by its own on_progress"):
            transcriber.transcribe(CLIP, on_progress=lambda _: transcriber.transcribe(CLIP))
        assert transcriber.transcribe(CLIP).text


def test_a_path_may_be_bytes_and_one_that_no_file_can_have_is_not_there() -> None:
    assert transcribe(bytes(CLIP), engine="mock").text  # type: ignore[arg-type]
    with pytest.raises(TranscriptionError, match="does not exist"):
        transcribe("a\0b.wav", engine="mock")


def test_what_is_damaged_is_a_partial_transcript_and_no_error(tmp_path: Path) -> None:
    data = CLIP.read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) * 2 // 3])
    transcript = transcribe(tmp_path / "cut.wav", engine="mock")
    assert transcript.status is Status.PARTIAL
    (lost,) = transcript.accounting.lost
    assert lost.seconds == pytest.approx(1.0, abs=0.05)
    assert lost.reason


def test_each_error_is_of_its_class_and_has_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"beam_size": "five"}')
    (tmp_path / "no.wav").write_bytes(b"RIFFnothing")
    with Transcriber(engine="mock") as transcriber:
        for name, reason in (("none.wav", "does not exist"), ("no.wav", "not a media file")):
            with pytest.raises(TranscriptionError, match=reason):
                transcriber.transcribe(tmp_path / name)
        assert transcriber.transcribe(CLIP).text  # which still works
    with pytest.raises(ConfigError, match="beam_size"):
        Transcriber(config=str(tmp_path / "broken.json"))
    with pytest.raises(UsageError, match="has no --task translate"):
        Transcriber(engine="mock", task="translate")
    with pytest.raises(EngineUnavailable):
        transcribe(CLIP, engine="whisper", model=str(tmp_path / "no-model"))
    with pytest.raises(TypeError, match="'colour'"):
        Transcriber(colour="red")  # type: ignore[call-arg]
    assert issubclass(ConfigError, UsageError) and issubclass(UsageError, ParakeetError)


@pytest.mark.slow
def test_a_given_text_is_aligned_and_its_words_say_how(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("He was not a really ill-disposed young man.\n")
    transcript = transcribe(CLIP, align=str(tmp_path / "text.txt"), engine="whisper")
    assert transcript.alignment is not None
    assert "really" in [word.text for word in transcript.alignment.missing]
    timings = {word.timing for segment in transcript.segments for word in segment.words}
    assert "exact" in timings <= {"exact", "interpolated"}


def test_channels_are_speakers_and_contradictions_are_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "two.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(random.Random(1).randbytes(4 * 16_000))
    transcript = transcribe(tmp_path / "two.wav", channels="split", engine="mock")
    assert [account.number for account in transcript.channels] == [0, 1]
    assert {segment.speaker for segment in transcript.segments} <= {"Channel 0", "Channel 1"}
    assert [account.accounting.decoded_seconds for account in transcript.channels] == [2.0, 2.0]
    for options in ({"channels": "left"}, {"channels": "split", "channel": 0}):
        with pytest.raises(UsageError, match="--channels"):
            Transcriber(engine="mock", **options)


def test_every_format_is_a_text_and_an_unknown_one_is_refused() -> None:
    transcript = transcribe(CLIP, engine="mock")
    for name in format_names():
        assert transcript.text.split()[0] in to_format(transcript, name)
    assert "<u>" in to_format(transcript, "vtt", highlight_words=True)
    with pytest.raises(UsageError, match="docx"):
        to_format(transcript, "docx")
    with pytest.raises(TypeError, match="'columns'"):
        to_format(transcript, "srt", columns=3)  # type: ignore[call-arg]
