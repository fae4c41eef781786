from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.mock import Mock
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.errors import ConfigError

CUES = "0.5\t1.0\tone\n1.0\t1.5\ttwo\n3.0\t3.6\tthree\n"


def words_in(source: str, first: float, last: float) -> str:
    samples = np.zeros(round((last - first) * 16_000), np.float32)
    chunk = Chunk(samples, (Piece(0.0, first),), source)
    result = Mock(EngineOptions(), concurrency=1).transcribe(chunk)
    return " ".join(segment.text for segment in result.segments)


def test_each_cue_is_in_the_chunk_that_contains_its_middle(tmp_path: Path) -> None:
    (tmp_path / "talk.cues.tsv").write_text(CUES)
    source = str(tmp_path / "talk.wav")
    assert words_in(source, 0.0, 1.2) == "one"
    assert words_in(source, 1.2, 3.2) == "two"
    assert words_in(source, 3.2, 9.0) == "three"
    assert words_in(source, 4.0, 9.0) == ""


def test_a_microphone_s_cues_are_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cues.tsv").write_text(CUES)
    monkeypatch.setenv("PARAKEET_MOCK_CUES", str(tmp_path / "cues.tsv"))
    assert words_in("Built-in Audio", 0.0, 9.0) == "one two three"


def test_a_file_that_has_no_cues_is_named(tmp_path: Path) -> None:
    (tmp_path / "talk.cues.tsv").write_text("one two three\n")
    with pytest.raises(ConfigError, match=r"talk\.cues\.tsv"):
        words_in(str(tmp_path / "talk.wav"), 0.0, 1.0)


def chunk(source: str, *, start: float = 0.0, last: bool = True) -> Chunk:
    return Chunk(np.zeros(32_000, np.float32), (Piece(0.0, start),), source, last=last)


def mock() -> Mock:
    return Mock(EngineOptions(language="en"), concurrency=2)


def test_the_mock_gives_the_length_of_the_audio() -> None:
    engine = make_engine("mock", EngineOptions(), concurrency=1)
    engine.load()
    (segment,) = engine.transcribe(chunk("a.wav", start=10.0)).segments
    assert segment.text == "This is a mock transcript of 12.00 seconds of audio."
    assert segment.end == pytest.approx(12.0)


def test_the_mock_reads_the_text_beside_the_audio(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("Größe \N{PARROT}\nmatters", encoding="utf-8")
    result = mock().transcribe(chunk(str(tmp_path / "clip.wav")))
    (segment,) = result.segments
    assert segment.text == "Größe \N{PARROT} matters"
    lengths = [word.end - word.start for word in segment.words]
    assert lengths == pytest.approx([2.0 / 3] * 3)
    assert result.language == "en"


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_beside_it_is_silence(tmp_path: Path, text: str) -> None:
    (tmp_path / "clip.txt").write_text(text, encoding="utf-8")
    assert mock().transcribe(chunk(str(tmp_path / "clip.wav"))).segments == ()


@pytest.mark.parametrize("source", ["-", "", "..", "/", "a" * 5000 + ".wav", "\udcff.wav"])
def test_the_mock_takes_any_name(source: str) -> None:
    assert mock().transcribe(chunk(source)).segments[0].text.startswith("This is a mock")


def test_only_the_last_chunk_of_a_file_has_the_mock_s_text() -> None:
    assert mock().transcribe(chunk("a.wav", last=False)).segments == ()


@pytest.mark.parametrize("factor", ["fast", "-1", "nan", "inf", "1e9"])
def test_a_bad_factor_is_refused(monkeypatch: pytest.MonkeyPatch, factor: str) -> None:
    monkeypatch.setenv("PARAKEET_MOCK_RTF", factor)
    with pytest.raises(ConfigError, match="PARAKEET_MOCK_RTF"):
        mock()


def test_a_switch_sends_the_mock_s_audio_through_the_speech_detector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mock().needs_all_audio
    for value, all_audio in (("1", False), ("0", True), ("", True)):
        monkeypatch.setenv("PARAKEET_MOCK_VAD", value)
        assert mock().needs_all_audio is all_audio
    monkeypatch.setenv("PARAKEET_MOCK_VAD", "yes")
    with pytest.raises(ConfigError, match="PARAKEET_MOCK_VAD is 'yes'"):
        mock()
