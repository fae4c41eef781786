"""When a transcribed sample proves an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import SetupError, UsageError
from parakeet_cli.setup.prove import EngineUnderTest, judge, read_sample, word_error_rate
from parakeet_cli.setup.request import ProofSample

CLIP = Path("/clip.wav")


@pytest.mark.parametrize(
    ("expected", "transcribed", "rate"),
    [
        ("he was not ill", "He was not ill.", 0.0),
        ("he was not ill", "he is not ill", 0.25),
        ("he was not ill", "he was ill", 0.25),
        ("he was not ill", "he was not very ill", 0.25),
        ("don\N{RIGHT SINGLE QUOTATION MARK}t", "don't", 0.0),
        ("one two", "", 1.0),
        ("one", "one two three", 2.0),
        ("\u4f60\u597d", "\u4f60\u597d", 0.0),
        ("\u4f60\u597d", "\u4f60\u5417", 0.5),
    ],
)
def test_the_rate_counts_wrong_missing_and_added_words(
    expected: str, transcribed: str, rate: float
) -> None:
    assert word_error_rate(expected, transcribed) == pytest.approx(rate)


def test_at_most_one_word_in_five_may_be_wrong() -> None:
    sample = ProofSample(CLIP, "one two three four five")
    assert "20%" in judge("one two three four nine", sample, "cuda")
    with pytest.raises(SetupError, match="40%") as refused:
        judge("one two three nine nine", sample, "cuda")
    assert "--sample" in (refused.value.hint or "")


def test_without_a_text_any_words_are_a_proof_and_none_are_not() -> None:
    assert "3 words" in judge("some words here", ProofSample(CLIP, None), "cpu")
    for silence in ("", " ... "):
        with pytest.raises(SetupError, match="no words"):
            judge(silence, ProofSample(CLIP, None), "cpu")


def test_the_words_of_a_clip_are_in_the_text_file_beside_it(tmp_path: Path) -> None:
    clip = tmp_path / "a.flac"
    clip.touch()
    assert read_sample(str(clip)) == ProofSample(clip, None)
    (tmp_path / "a.flac.txt").write_text("second")
    assert read_sample(str(clip)).text == "second"
    (tmp_path / "a.txt").write_text("first")
    assert read_sample(str(clip)).text == "first"
    (tmp_path / "a.txt").write_text("\n")
    assert read_sample(str(clip)).text is None


def test_a_clip_that_does_not_exist_and_a_text_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_sample(str(tmp_path / "none.wav"))
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UsageError, match="can't be read"):
        read_sample(str(tmp_path / "a.wav"))


def test_the_engine_is_named_by_options_which_come_before_every_setting() -> None:
    engine = EngineUnderTest("nemo", "v3", "/env/bin/python", "/c.json", offline=True)
    assert engine.options == [
        *("--engine", "nemo", "--model", "v3", "--python", "/env/bin/python"),
        *("--config", "/c.json", "--offline"),
    ]
    assert EngineUnderTest("onnx", "v3").options == ["--engine", "onnx", "--model", "v3"]
